"""Trains an ACT policy for three steps with LeRobot: python train.py ROOT

Shows that a training run takes the dataset as it is: its features, its statistics, its videos.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import offline  # noqa: F401

STEPS = 3


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [
            *(sys.executable, "-m", "lerobot.scripts.lerobot_train"),
            *("--dataset.repo_id=local/trained", f"--dataset.root={sys.argv[1]}"),
            *("--policy.type=act", "--policy.device=cpu", "--policy.push_to_hub=false"),
            # The pretrained backbone would have to be fetched.
            *("--policy.pretrained_backbone_weights=null", f"--output_dir={out}"),
            # A small network learns no less from three steps, in half the time.
            *("--policy.dim_model=64", "--policy.dim_feedforward=128", "--policy.n_heads=4"),
            *("--policy.n_encoder_layers=1", "--policy.n_vae_encoder_layers=1"),
            *(f"--steps={STEPS}", "--batch_size=2", "--num_workers=0", "--log_freq=1"),
            "--wandb.enable=false",
        ]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if run.returncode != 0:
            sys.exit(f"{run.stdout}\nlerobot-train ended with {run.returncode}")
        if not list(out.glob("checkpoints/*/pretrained_model/model.safetensors")):
            sys.exit(f"{run.stdout}\nlerobot-train wrote no checkpoint")
        losses = [line for line in run.stdout.splitlines() if "loss:" in line]
        if len(losses) != STEPS or any("nan" in line for line in losses):
            sys.exit(f"{run.stdout}\nlerobot-train did not report {STEPS} finite losses")
    print("\n".join(line[line.find("step:") :] for line in losses))


if __name__ == "__main__":
    main()
