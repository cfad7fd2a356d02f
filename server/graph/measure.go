package graph

// widths are those of the printable ASCII characters in Helvetica, Arial and the fonts made to their measure, in thousandths of the size.
var widths = [...]int{
	278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
	1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
	333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
}

// spare makes room for wider fonts where none of those is there.
const spare = 1.15

// measure is how wide a text of a size may be. Bold letters are wider.
func measure(s string, size float64, bold bool) float64 {
	total := 0
	for _, r := range s {
		switch {
		case r >= ' ' && int(r-' ') < len(widths):
			total += widths[r-' ']
		case r < 0x2e80:
			total += 667
		default:
			total += 1000
		}
	}
	w := float64(total) / 1000 * size * spare
	if bold {
		w *= 1.13
	}
	return w
}
