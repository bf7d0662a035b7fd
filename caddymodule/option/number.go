package option

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// orOff is what errors add where the word off may stand.
func (f *field) orOff() string {
	if f.off {
		return ", or off"
	}
	return ""
}

// duration reads a duration such as 10s or 3d.
func (f *field) duration(s string) (time.Duration, error) {
	v, err := caddy.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%.64q: want a duration such as 10s, 15m or 3d%s", s, f.orOff())
	}
	return v, nil
}

// number reads a whole number, or a number of bytes.
func (f *field) number(s string) (int, error) {
	if f.form == "size" {
		return size(s)
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%.64q: want a whole number%s", s, f.orOff())
	}
	return n, nil
}

// share reads a number of which 1 is the whole.
func (f *field) share(s string) (float64, error) {
	digits, isPercent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(digits, 64)
	if f.form == "percent" {
		if err != nil || !isPercent {
			return 0, fmt.Errorf("%.64q: want a share such as 20%%", s)
		}
		return v / 100, nil
	}
	if err != nil || isPercent {
		return 0, fmt.Errorf("%.64q: want a number above 0, up to 1", s)
	}
	return v, nil
}

// sizes are the units of a number of bytes.
var sizes = []struct {
	unit  string
	bytes int
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// size reads a number of bytes such as 64KiB or 1MB.
func size(s string) (int, error) {
	for _, u := range sizes {
		digits, ok := cutSuffixFold(s, u.unit)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(digits)
		if err != nil || n > math.MaxInt/u.bytes || n < math.MinInt/u.bytes {
			break
		}
		return n * u.bytes, nil
	}
	return 0, fmt.Errorf("%.64q: want a size such as 512KiB or 1MiB", s)
}

func cutSuffixFold(s, suffix string) (before string, ok bool) {
	if n := len(s) - len(suffix); n >= 0 && strings.EqualFold(s[n:], suffix) {
		return s[:n], true
	}
	return s, false
}

// checkNumber checks the bounds of a field that is a number.
func (f *field) checkNumber() error {
	switch v := f.value.Interface().(type) {
	case caddy.Duration:
		return f.checkDuration(time.Duration(v))
	case int:
		return f.checkInt(v)
	case float64:
		if !(v > 0 && v <= 1) {
			return fmt.Errorf("%v: must be greater than 0, and at most 1 (the whole)", v)
		}
	}
	return nil
}

func (f *field) checkDuration(v time.Duration) error {
	low, high := parsed(f.min, caddy.ParseDuration), parsed(f.max, caddy.ParseDuration)
	switch {
	case f.off && v == -1:
	case v <= 0:
		return fmt.Errorf("%s: must be greater than 0%s", v, f.orOff())
	case v < low || f.max != "" && v > high:
		return fmt.Errorf("%s: %s", v, f.bounds())
	}
	return nil
}

func (f *field) checkInt(v int) error {
	low, high := parsed(f.min, strconv.Atoi), parsed(f.max, strconv.Atoi)
	switch {
	case f.off && v == -1:
	case v <= 0:
		return fmt.Errorf("%d: must be greater than 0%s", v, f.orOff())
	case v < low || f.max != "" && v > high:
		return fmt.Errorf("%d: %s", v, f.bounds())
	}
	return nil
}

// parsed reads a bound of a tag.
func parsed[T any](s string, parse func(string) (T, error)) (v T) {
	if s == "" {
		return v
	}
	v, err := parse(s)
	if err != nil {
		panic(fmt.Sprintf("option: bound %q: %v", s, err))
	}
	return v
}

// bounds says what a number has to be.
func (f *field) bounds() string {
	switch {
	case f.max == "":
		return "want at least " + f.min + f.orOff()
	case f.min == "":
		return "want at most " + f.max + f.orOff()
	}
	return "want " + f.min + " to " + f.max + f.orOff()
}
