//! What the screen may use of the terminal: asked for by the configuration, or found out.

use ratatui_image::picker::{Picker, ProtocolType};

use crate::cli::terminal::Environment;
use crate::config::{Colour, Graphics, Screen};
use crate::tui::{self, Depth, Options};

/// Before anything else reads the terminal: the graphics question is asked and answered on it.
pub(in crate::cli) fn detect(screen: &Screen) -> Options {
    let environment = Environment::read();
    let depth = match environment.colour(screen.colour) {
        Colour::Indexed => Depth::Ansi256,
        Colour::None => Depth::Mono,
        Colour::True | Colour::Auto => Depth::TrueColor,
    };
    let graphics = match screen.graphics {
        Graphics::HalfBlocks => None,
        // Multiplexers pass the question on but seldom the pictures, and half blocks work in all of
        // them.
        Graphics::Auto if environment.is_multiplexed || depth != Depth::TrueColor => None,
        Graphics::Auto => {
            picker().filter(|picker| picker.protocol_type() != ProtocolType::Halfblocks)
        }
        Graphics::Kitty => Some(forced(ProtocolType::Kitty)),
        Graphics::Sixel => Some(forced(ProtocolType::Sixel)),
        Graphics::Iterm2 => Some(forced(ProtocolType::Iterm2)),
    };
    let graphics = graphics
        .map_or(tui::Graphics::HalfBlocks, |picker| tui::Graphics::Pixels(Box::new(picker)));
    Options { depth, graphics }
}

fn picker() -> Option<Picker> {
    match Picker::from_query_stdio() {
        Ok(picker) => Some(picker),
        Err(error) => {
            tracing::info!("the terminal does not tell its graphics: {error}");
            None
        }
    }
}

/// A protocol that was asked for is used even where the terminal does not claim it; only the cell
/// size is then guessed.
fn forced(protocol: ProtocolType) -> Picker {
    let mut picker = picker().unwrap_or_else(Picker::halfblocks);
    picker.set_protocol_type(protocol);
    picker
}
