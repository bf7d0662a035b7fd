package option

import (
	"math"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// number returns the parser of a whole number above 0, a number of bytes, or the word
// off.
func (f field) number(to *int) Parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var s string
		if err := Exact(d, name, &s); err != nil {
			return err
		}
		if f.off && s == off {
			*to = -1
			return nil
		}
		if f.form == inBytes {
			var ok bool
			if *to, ok = parseSize(s); !ok {
				return d.Errf("%s: %q: want a size such as 512KiB or 1MiB", name, s)
			}
			return nil
		}
		n, err := strconv.Atoi(s)
		if err != nil || n <= 0 {
			return d.Errf("%s: %q: want a whole number above 0%s", name, s, f.orOff())
		}
		*to = n
		return nil
	}
}

// sizes are the units of a number of bytes.
var sizes = []struct {
	unit  string
	bytes int
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// parseSize reads a number of bytes above 0, such as 64KiB or 1MB.
func parseSize(s string) (bytes int, ok bool) {
	for _, u := range sizes {
		digits, has := cutSuffixFold(s, u.unit)
		if !has {
			continue
		}
		n, err := strconv.Atoi(digits)
		return n * u.bytes, err == nil && n > 0 && n <= math.MaxInt/u.bytes
	}
	return 0, false
}

func cutSuffixFold(s, suffix string) (before string, ok bool) {
	if n := len(s) - len(suffix); n >= 0 && strings.EqualFold(s[n:], suffix) {
		return s[:n], true
	}
	return s, false
}

// share returns the parser of a number above 0 and at most 1, or of a share such as
// 20%.
func (f field) share(to *float64) Parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var s string
		if err := Exact(d, name, &s); err != nil {
			return err
		}
		digits, isPercent := strings.CutSuffix(s, "%")
		v, err := strconv.ParseFloat(digits, 64)
		whole, want := 1.0, "want a number above 0 and at most 1"
		if f.form == inPercent {
			whole, want = 100, "want a share such as 20%, above 0% and at most 100%"
		}
		if err != nil || isPercent != (f.form == inPercent) || !(v > 0 && v <= whole) {
			return d.Errf("%s: %q: %s", name, s, want)
		}
		*to = v / whole
		return nil
	}
}
