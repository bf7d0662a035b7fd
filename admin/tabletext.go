package admin

import (
	"io"
	"strings"
	"unicode"
)

// columnGap is how many blanks are between two columns.
const columnGap = 2

// A tableText is the rows of a table. A row without cells ends a part, and each part
// has columns of its own widths.
type tableText struct{ rows [][]string }

// writeTo writes all rows, in columns that align on a terminal.
func (t *tableText) writeTo(w io.Writer) error {
	var b strings.Builder
	for part := t.rows; len(part) > 0; {
		n := 0
		for n < len(part) && len(part[n]) > 0 {
			n++
		}
		writePart(&b, part[:n])
		if part = part[n:]; len(part) > 0 {
			b.WriteByte('\n')
			part = part[1:]
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writePart(b *strings.Builder, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-width(cell)+columnGap))
			}
		}
		b.WriteByte('\n')
	}
}

// wide are the letters that take two places on a terminal: those of Chinese, Japanese
// and Korean, and pictures.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x2e80, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1faff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1}},
}

// width returns how many places s takes on a terminal.
func width(s string) (n int) {
	for _, c := range s {
		switch {
		case unicode.In(c, unicode.Mn, unicode.Me):
		case unicode.Is(wide, c):
			n += 2
		default:
			n++
		}
	}
	return n
}
