// Package logo shows the pictures of apps from our own origin. What lies at a client's logo_uri is a stranger's: it is fetched guarded, looked at
// before it is decoded, drawn anew in a small size and served as a picture of ours; nothing of the file that was fetched reaches a browser.
package logo

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// Bounds of what is read. A file within them is decoded in at most about 100 MB and a fraction of a second.
const (
	MaxFile  = 256 << 10 // bytes
	maxSide  = 2048      // pixels
	maxScans = 100       // of a JPEG: each may go over the whole picture, and takes hardly any room
)

// Width and Height are what a drawn picture has at most, in pixels: twice the box that pages leave for it, for screens that have two in each.
const (
	Width  = 192
	Height = 80
)

// ErrPicture: a file is no picture that can be shown.
var ErrPicture = errors.New("logo: no picture that can be shown")

// format is a kind of file. Which one it is its first bytes say, never its name or media type. SVG is none of them: it is a document that can hold script.
type format struct {
	first  string
	size   func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func formats() []format {
	return []format{{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode}, {"\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
		{"GIF8", gif.DecodeConfig, gif.Decode}, {"RIFF", webp.DecodeConfig, webp.Decode}} // of an animation the first picture
}

// Draw reads a PNG, JPEG, GIF or WebP file and writes it as a PNG that fits into Width and Height. A picture that lets the page through gets a plate
// behind it on which it can be seen, whatever the page's colour. The file may be anything; ErrPicture.
func Draw(file []byte) ([]byte, error) {
	m, err := read(file)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	if err := e.Encode(&b, plated(scaled(m))); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	return b.Bytes(), nil
}

// read decodes a file whose header says that it is small enough.
func read(file []byte) (m image.Image, err error) {
	defer func() {
		if p := recover(); p != nil { // a decoder that trips over a stranger's file must not take the server with it
			err = fmt.Errorf("%w: the decoder gave up: %v", ErrPicture, p)
		}
	}()
	if len(file) > MaxFile || bytes.HasPrefix(file, []byte{0xff, 0xd8}) && bytes.Count(file, []byte{0xff, 0xda}) > maxScans {
		return nil, fmt.Errorf("%w: it is too large, or in too many layers", ErrPicture)
	}
	for _, f := range formats() {
		if !bytes.HasPrefix(file, []byte(f.first)) {
			continue
		}
		c, err := f.size(bytes.NewReader(file))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPicture, err)
		}
		if c.Width < 1 || c.Height < 1 || c.Width > maxSide || c.Height > maxSide {
			return nil, fmt.Errorf("%w: %d × %d pixels", ErrPicture, c.Width, c.Height)
		}
		m, err := f.decode(bytes.NewReader(file))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPicture, err)
		}
		if s := m.Bounds().Size(); s.X < 1 || s.Y < 1 || s.X > maxSide || s.Y > maxSide {
			return nil, fmt.Errorf("%w: it is not what its header says", ErrPicture)
		}
		return m, nil
	}
	return nil, fmt.Errorf("%w: neither PNG, JPEG, GIF nor WebP", ErrPicture)
}

// scaled makes a picture as large as may be, its sides in proportion; a small one stays as it is.
func scaled(m image.Image) *image.RGBA {
	s := m.Bounds().Size()
	w, h := s.X, s.Y
	if w > Width {
		w, h = Width, max(1, s.Y*Width/s.X)
	}
	if h > Height {
		w, h = max(1, s.X*Height/s.Y), Height
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.CatmullRom.Scale(out, out.Bounds(), m, m.Bounds(), draw.Src, nil)
	return out
}

// plated lays a picture on white, or on black when what is seen of it is nearly white itself.
func plated(m *image.RGBA) *image.RGBA {
	var seen, light int // sums over all pixels of how much is seen, and how light that is
	for i := 0; i < len(m.Pix); i += 4 {
		seen += int(m.Pix[i+3])
		light += (299*int(m.Pix[i]) + 587*int(m.Pix[i+1]) + 114*int(m.Pix[i+2])) / 1000
	}
	plate := color.RGBA{0xff, 0xff, 0xff, 0xff}
	if light*100 > seen*85 && seen < 0xff*len(m.Pix)/4 {
		plate = color.RGBA{0x16, 0x19, 0x1f, 0xff}
	}
	out := image.NewRGBA(m.Bounds())
	draw.Draw(out, out.Bounds(), image.NewUniform(plate), image.Point{}, draw.Src)
	draw.Draw(out, out.Bounds(), m, image.Point{}, draw.Over)
	return out
}
