package logo_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/oauth/logo"
)

// painted is a file with a picture of red.
func painted(t testing.TB, kind string, w, h int) string {
	t.Helper()
	return filed(t, kind, w, h, color.NRGBA{0xd0, 0x20, 0x20, 0xff})
}

func filed(t testing.TB, kind string, w, h int, c color.NRGBA) string {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	var err error
	switch kind {
	case "png":
		err = png.Encode(&b, m)
	case "jpeg":
		err = jpeg.Encode(&b, m, nil)
	case "gif":
		err = gif.Encode(&b, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// bomb is a small PNG whose header speaks of 60,000 × 60,000 pixels.
func bomb(t testing.TB) string {
	t.Helper()
	b := []byte(painted(t, "png", 1, 1))
	binary.BigEndian.PutUint32(b[16:], 60_000)
	binary.BigEndian.PutUint32(b[20:], 60_000)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return string(b)
}

// webp1 is a WebP of one pixel, lossless.
const webp1 = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

func webp(t testing.TB) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(webp1)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// within puts a picture of one pixel behind a WebP header that speaks of so many pixels a side.
func within(t testing.TB, side int) string {
	inner := webp(t)[12:]
	head := "VP8X\x0a\x00\x00\x00\x00\x00\x00\x00"
	n := string([]byte{byte(side - 1), byte((side - 1) >> 8), byte((side - 1) >> 16)})
	body := "WEBP" + head + n + n + inner
	var size [4]byte
	binary.LittleEndian.PutUint32(size[:], uint32(len(body)))
	return "RIFF" + string(size[:]) + body
}

// TestS023_PicturesAreDrawnAnew: each kind of file that browsers know becomes a small PNG; its sides stay in proportion and a small one stays small.
func TestS023_PicturesAreDrawnAnew(t *testing.T) {
	for _, x := range []struct {
		file string
		w, h int
	}{{painted(t, "png", 600, 300), 160, 80}, {painted(t, "jpeg", 1000, 100), 192, 19}, {painted(t, "gif", 100, 1000), 8, 80}, {painted(t, "png", 20, 10), 20, 10},
		{painted(t, "png", 2048, 1), 192, 1}, {painted(t, "png", 1, 2048), 1, 80}, {webp(t), 1, 1}, {within(t, 1), 1, 1}} {
		out, err := logo.Draw([]byte(x.file))
		if err != nil {
			t.Errorf("%d × %d: %v", x.w, x.h, err)
			continue
		}
		m, err := png.Decode(bytes.NewReader(out))
		if err != nil || m.Bounds().Dx() != x.w || m.Bounds().Dy() != x.h {
			t.Errorf("%v, not %d × %d: %v", m.Bounds(), x.w, x.h, err)
		}
	}
}

// TestS023_PicturesAreSeenOnAnyPage: what lets the page through has a plate behind it: white, or dark under what is nearly white.
func TestS023_PicturesAreSeenOnAnyPage(t *testing.T) {
	for _, x := range []struct {
		c     color.NRGBA
		light bool
	}{{color.NRGBA{0, 0, 0, 0x30}, true}, {color.NRGBA{0xff, 0xff, 0xff, 0x30}, false}, {color.NRGBA{0xff, 0xff, 0xff, 0xff}, true}, {color.NRGBA{}, true}} {
		out, err := logo.Draw([]byte(filed(t, "png", 8, 8, x.c)))
		if err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		r, _, _, a := m.At(4, 4).RGBA()
		if a != 0xffff || (r > 0x8000) != x.light {
			t.Errorf("%v became %v", x.c, m.At(4, 4))
		}
	}
}

// TestS023_FilesAreLookedAtBeforeTheyAreDecoded: what would take more memory or time than a logo may is refused by its header.
func TestS023_FilesAreLookedAtBeforeTheyAreDecoded(t *testing.T) {
	small := painted(t, "gif", 1, 1)
	scans := painted(t, "jpeg", 8, 8)
	for name, file := range map[string]string{
		"nothing":                       "",
		"a bomb":                        bomb(t),
		"a wide one":                    painted(t, "png", 2049, 1),
		"a GIF of 65,535 × 65,535":      small[:6] + "\xff\xff\xff\xff" + small[10:],
		"a WebP of 16,777,216":          within(t, 1<<24),
		"a WebP that is not its header": within(t, 2),
		"a JPEG of many layers":         scans[:len(scans)-2] + strings.Repeat("\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00", 200) + "\xff\xd9",
		"an SVG":                        `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`,
		"a BMP":                         "BM\x3a\x00\x00\x00\x00\x00",
		"half":                          painted(t, "jpeg", 64, 64)[:200],
		"more than may be":              painted(t, "png", 8, 8) + strings.Repeat("\x00", logo.MaxFile),
	} {
		if out, err := logo.Draw([]byte(file)); !errors.Is(err, logo.ErrPicture) || out != nil {
			t.Errorf("%s: %d bytes, %v", name, len(out), err)
		}
	}
}

// FuzzDraw: whatever a file is, it becomes a small PNG or nothing.
func FuzzDraw(f *testing.F) {
	for _, file := range []string{painted(f, "png", 9, 5), painted(f, "jpeg", 9, 5), painted(f, "gif", 9, 5), webp(f), within(f, 3), bomb(f), "<svg/>"} {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		out, err := logo.Draw(file)
		if err != nil {
			if !errors.Is(err, logo.ErrPicture) {
				t.Fatal(err)
			}
			return
		}
		m, err := png.Decode(bytes.NewReader(out))
		if err != nil || m.Bounds().Dx() > logo.Width || m.Bounds().Dy() > logo.Height {
			t.Fatalf("%v %v", m.Bounds(), err)
		}
	})
}
