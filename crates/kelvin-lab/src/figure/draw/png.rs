//! PNG, by the plotting crate's own rasteriser and font.
//!
//! It draws turned text on black first and loses how much of a pixel the text covered, so that on a light
//! page turned words come out fat and black. On a black page the same loss is none: a light page is drawn
//! as its negative, and turned over in the end.

use kuva::RasterBackend;
use kuva::render::color::Color;
use kuva::render::render::{Primitive, Scene};

use super::Drawing;
use crate::figure::theme::{brightness, css};
use crate::{Error, Result};

/// More pixels than any screen has, and memory for them is still at hand.
const MOST: f64 = 1e8;

/// The bytes of a drawing as PNG.
pub(in crate::figure) fn to_png(drawing: Drawing, scale: f32) -> Result<Vec<u8>> {
    let mut scene = drawing.scene;
    let Scene { width, height, .. } = scene;
    let scale = if scale.is_finite() { scale.clamp(1.0, 8.0) } else { 1.0 };
    if width * height * f64::from(scale) * f64::from(scale) > MOST {
        let what = format!("{width} × {height} at scale {scale} is too large for an image");
        return Err(Error::new(what));
    }
    let is_light = match scene.background_color.as_deref().map(Color::from) {
        Some(Color::Rgb(red, green, blue)) => brightness((red, green, blue)) > 0.5,
        _ => true,
    };
    if is_light {
        turn_over(&mut scene);
    }
    let refused = |error: String| Error::new(format!("the image cannot be encoded: {error}"));
    let bytes = RasterBackend::new().with_scale(scale).render_scene(&scene).map_err(refused)?;
    encode(&bytes, is_light).map_err(|error| refused(error.to_string()))
}

/// Every colour of a page as its negative.
fn turn_over(scene: &mut Scene) {
    for page in [&mut scene.background_color, &mut scene.text_color].into_iter().flatten() {
        let mut color = Color::from(page.as_str());
        negate(&mut color);
        if let Color::Rgb(red, green, blue) = color {
            *page = css((red, green, blue));
        }
    }
    for element in &mut scene.elements {
        match element {
            Primitive::Circle { fill, stroke, .. } | Primitive::Rect { fill, stroke, .. } => {
                negate(fill);
                stroke.iter_mut().for_each(negate);
            }
            Primitive::Text { color, .. } => color.iter_mut().for_each(negate),
            Primitive::Line { stroke, .. } | Primitive::PolyLine { stroke, .. } => negate(stroke),
            Primitive::Path(path) => {
                negate(&mut path.stroke);
                path.fill.iter_mut().for_each(negate);
            }
            _ => (), // nothing else is drawn here
        }
    }
}

fn negate(color: &mut Color) {
    if let Color::Rgb(red, green, blue) = color {
        (*red, *green, *blue) = (255 - *red, 255 - *green, 255 - *blue);
    }
}

/// The same picture without alpha, which it does not use, and turned over where it has to be.
fn encode(
    bytes: &[u8],
    is_negative: bool,
) -> std::result::Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let info = reader.next_frame(&mut pixels)?;
    let samples = info.color_type.samples();
    let pixels = pixels[..info.buffer_size()].chunks_exact(samples).flat_map(|pixel| &pixel[..3]);
    let flip = if is_negative { 255 } else { 0 };
    let pixels: Vec<u8> = pixels.map(|part| part ^ flip).collect();
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, info.width, info.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(png)
}
