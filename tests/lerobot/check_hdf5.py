"""Compares two HDF5 files, every dataset and attribute: python check_hdf5.py A.h5 B.h5

Kinds, shapes and values must be equal. `--psnr DB`: pictures went through a video, and each must
still be this close. `--skip NAME`: not compared, for what a conversion cannot know; an attribute is
`@NAME`, and one row of a dataset `NAME/ROW`.
"""

import argparse
import sys

import h5py
import numpy as np


def kind(dataset):
    """The kind of value, whatever its storage: `str` for every kind of text."""
    is_text = h5py.check_string_dtype(dataset.dtype) is not None
    return "str" if is_text else dataset.dtype.newbyteorder("=").str


def values(dataset):
    if kind(dataset) == "str":
        return dataset.asstr()[()]
    return dataset[()]


def content(file):
    """Every dataset and attribute by its path; an attribute's is `path@name`."""
    found = {f"@{name}": value for name, value in file.attrs.items()}

    def visit(path, item):
        found.update({f"{path}@{name}": value for name, value in item.attrs.items()})
        if isinstance(item, h5py.Dataset):
            found[path] = item

    file.visititems(visit)
    return found


def psnr(a, b):
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


def attribute_differs(a, b):
    a, b = (x.decode() if isinstance(x, bytes) else x for x in (a, b))
    is_text = isinstance(a, str) or isinstance(b, str)
    if type(a) is not type(b) if is_text else np.asarray(a).dtype.kind != np.asarray(b).dtype.kind:
        return f"{a!r} and {b!r}"
    return None if np.array_equal(a, b) else f"{a!r} and {b!r}"


def dataset_differs(a, b, psnr_min, rows_skipped):
    if (kind(a), a.shape) != (kind(b), b.shape):
        return f"{kind(a)} {a.shape} and {kind(b)} {b.shape}"
    a, b = values(a), values(b)
    if psnr_min is None or a.ndim != 4:
        wrong = np.argwhere(a != b)
        wrong = [at for at in wrong if at[0] not in rows_skipped]
        return f"first at {wrong[0].tolist()}, {len(wrong)} in all" if len(wrong) else None
    worst, at = min((psnr(x, y), i) for i, (x, y) in enumerate(zip(a, b)))
    return f"picture {at}: {worst:.1f} dB" if worst < psnr_min else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--psnr", type=float, metavar="DB")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME")
    arguments = parser.parse_args()
    with h5py.File(arguments.a) as file_a, h5py.File(arguments.b) as file_b:
        a, b = content(file_a), content(file_b)
        names = [name for name in a | b if name not in arguments.skip]
        wrong = []
        for name in names:
            if name not in a or name not in b:
                wrong.append(f"{name}: only in {arguments.a if name in a else arguments.b}")
                continue
            both = a[name], b[name]
            are_datasets = [isinstance(item, h5py.Dataset) for item in both]
            if all(are_datasets):
                parts = (skip.rsplit("/", 1) for skip in arguments.skip)
                rows = {int(part[1]) for part in parts if part[0] == name and part[1:]}
                what = dataset_differs(*both, arguments.psnr, rows)
            else:
                what = attribute_differs(*both)
            if what:
                wrong.append(f"{name}: {what}")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(names)} datasets and attributes are the same")


if __name__ == "__main__":
    main()
