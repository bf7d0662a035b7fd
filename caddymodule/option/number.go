package option

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// checkNumber checks the limits of a number field.
func (f field) checkNumber() error {
	switch v := f.value.Interface().(type) {
	case caddy.Duration:
		return checkBounds(f, time.Duration(v), caddy.ParseDuration)
	case int:
		return checkBounds(f, v, strconv.Atoi)
	case float64:
		if !(v > 0 && v <= 1) {
			return fmt.Errorf("%v: must be greater than 0 and at most 1", v)
		}
	}
	return nil
}

// checkBounds checks v, the value of f. parse reads the limits of the tag.
func checkBounds[T int | time.Duration](f field, v T, parse func(string) (T, error)) error {
	low, high := bound(f.min, parse), bound(f.max, parse)
	switch {
	case f.off && v == -1:
	case v <= 0:
		return fmt.Errorf("%v: must be greater than 0%s", v, f.orOff())
	case v < low || f.max != "" && v > high:
		return fmt.Errorf("%v: %s", v, f.bounds())
	}
	return nil
}

// bound reads a limit of a tag.
func bound[T cmp.Ordered](s string, parse func(string) (T, error)) (v T) {
	if s == "" {
		return v
	}
	v, err := parse(s)
	if err != nil {
		panic(fmt.Sprintf("option: bound %q: %v", s, err))
	}
	return v
}

// orOff is the end of errors about an option that may be off.
func (f field) orOff() string {
	if f.off {
		return ", or off"
	}
	return ""
}

// bounds returns the limits as text.
func (f field) bounds() string {
	switch {
	case f.max == "":
		return "want at least " + f.min + f.orOff()
	case f.min == "":
		return "want at most " + f.max + f.orOff()
	}
	return "want " + f.min + " to " + f.max + f.orOff()
}
