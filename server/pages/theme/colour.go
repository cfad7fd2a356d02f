package theme

import (
	"fmt"
	"math"
	"strconv"
)

// Colour is a colour of sRGB.
type Colour struct{ R, G, B uint8 }

// ParseColour reads #RRGGBB.
func ParseColour(s string) (Colour, bool) {
	if len(s) != 7 || s[0] != '#' {
		return Colour{}, false
	}
	n, err := strconv.ParseUint(s[1:], 16, 32)
	if err != nil {
		return Colour{}, false
	}
	return Colour{uint8(n >> 16), uint8(n >> 8), uint8(n)}, true
}

func (c Colour) String() string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }

// luminance is the relative luminance of WCAG 2.2.
func (c Colour) luminance() float64 {
	part := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*part(c.R) + 0.7152*part(c.G) + 0.0722*part(c.B)
}

// Contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func Contrast(a, b Colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

// towards mixes a share of another colour in.
func (c Colour) towards(o Colour, share float64) Colour {
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (float64(b)-float64(a))*share)) }
	return Colour{mix(c.R, o.R), mix(c.G, o.G), mix(c.B, o.B)}
}

func white() Colour { return Colour{255, 255, 255} }
func black() Colour { return Colour{} }

// Nearest is the colour closest to c, lighter or darker, that reaches a ratio to all grounds; ok is false when none does.
func Nearest(c Colour, ratio float64, grounds ...Colour) (Colour, bool) {
	reaches := func(x Colour) bool {
		for _, g := range grounds {
			if Contrast(x, g) < ratio {
				return false
			}
		}
		return true
	}
	for i := range 101 {
		share := float64(i) / 100
		for _, end := range []Colour{black(), white()} {
			if x := c.towards(end, share); reaches(x) {
				return x, true
			}
		}
	}
	return c, false
}
