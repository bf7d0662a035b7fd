package page

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
)

// A colour is red, green and blue.
type colour [3]uint8

// The background of text in the accent colour, as in style.css.
var (
	lightCard = colour{0xff, 0xff, 0xff}
	darkCard  = colour{0x1b, 0x21, 0x29}
)

// parseColour parses #rgb and #rrggbb. Nothing else may get into a style sheet.
func parseColour(s string) (colour, error) {
	digits, ok := strings.CutPrefix(s, "#")
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != 3 {
		return colour{}, fmt.Errorf("accent %q: want a colour as #rgb or #rrggbb", s)
	}
	return colour(b), nil
}

// String returns c in the form of a style sheet.
func (c colour) String() string { return "#" + hex.EncodeToString(c[:]) }

// against returns c, or its nearest shade that is readable on back.
func (c colour) against(back colour) colour {
	const readable = 4.5 // contrast ratio of WCAG 2.2, level AA
	toward := colour{}   // black
	if back.luminance() < 0.2 {
		toward = colour{0xff, 0xff, 0xff}
	}
	for step := range 100 {
		if shade := c.mix(toward, float64(step)/100); shade.contrast(back) >= readable {
			return shade
		}
	}
	return toward
}

// mix returns c mixed with a share of another colour.
func (c colour) mix(other colour, share float64) colour {
	for i := range c {
		c[i] = uint8(math.Round(float64(c[i])*(1-share) + float64(other[i])*share))
	}
	return c
}

// contrast returns the contrast ratio of two colours as WCAG 2.2 defines it, 1
// to 21.
func (c colour) contrast(other colour) float64 {
	a, b := c.luminance(), other.luminance()
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

// luminance returns the relative luminance as WCAG 2.2 defines it, 0 to 1.
func (c colour) luminance() float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := float64(c[i]) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}
