package caddymodule

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// options are the options of a block, by name.
type options map[string]blockOption

// A blockOption parses what follows its name. The name that it is given says in
// errors where the option stands: "tocsin: lapi: interval".
type blockOption struct {
	parse      func(d *caddyfile.Dispenser, name string) error
	repeatable bool
}

// parse parses the block that follows, if one does, of an option by name.
func (o options) parse(d *caddyfile.Dispenser, name string) error {
	seen := make(map[string]bool)
	last := ""
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		key := d.Val()
		opt, ok := o[key]
		switch {
		case !ok && len(o) == 0:
			return d.Errf("%s: takes no block", name)
		case key == "{":
			return d.Errf("%s: %s: takes no block", name, last)
		case !ok:
			known := strings.Join(slices.Sorted(maps.Keys(o)), ", ")
			return d.Errf("%s: unknown option %q: want one of %s", name, key, known)
		case seen[key] && !opt.repeatable:
			return d.Errf("%s: %s: given twice", name, key)
		}
		seen[key], last = true, key
		if err := opt.parse(d, name+": "+key); err != nil {
			return err
		}
	}
	return nil
}

// exact reads the rest of the line, which has to have one argument if there is a
// target for it, and none otherwise.
func exact(d *caddyfile.Dispenser, name string, targets ...*string) error {
	args := d.RemainingArgs()
	switch {
	case len(args) > 0 && len(targets) == 0:
		return d.Errf("%s: takes no argument, got %q", name, args[0])
	case len(args) != len(targets):
		return d.Errf("%s: wants one argument, got %d", name, len(args))
	}
	for i, t := range targets {
		*t = args[i]
	}
	return nil
}

type parser = func(d *caddyfile.Dispenser, name string) error

func present(to *bool) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		*to = true
		return exact(d, name)
	}
}

func onOff(to *bool) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var s string
		err := oneOf(&s, "on", "off")(d, name)
		*to = s == "on"
		return err
	}
}

func word(to *string) parser {
	return func(d *caddyfile.Dispenser, name string) error { return exact(d, name, to) }
}

func words(to *[]string) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		if *to = d.RemainingArgs(); len(*to) == 0 {
			return d.Errf("%s: want at least one argument", name)
		}
		return nil
	}
}

// joined takes words that one text of ours has, separated by spaces.
func joined(to *string) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var all []string
		err := words(&all)(d, name)
		*to = strings.Join(all, " ")
		return err
	}
}

func oneOf(to *string, allowed ...string) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var s string
		if err := exact(d, name, &s); err != nil {
			return err
		}
		return choose(d, name, to, s, allowed...)
	}
}

func choose(d *caddyfile.Dispenser, name string, to *string, s string, allowed ...string) error {
	if !slices.Contains(allowed, s) {
		return d.Errf("%s: %q: want one of %s", name, s, strings.Join(allowed, ", "))
	}
	*to = s
	return nil
}

func duration(to *caddy.Duration) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var s string
		if err := exact(d, name, &s); err != nil {
			return err
		}
		v, err := parseDuration(s)
		if err != nil {
			return d.Errf("%s: %v", name, err)
		}
		*to = caddy.Duration(v)
		return nil
	}
}

// parseDuration reads a duration that is more than nothing. What Caddy says of
// one that is none is about the means by which it tried.
func parseDuration(s string) (time.Duration, error) {
	v, err := caddy.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%.64q is no duration such as 10s, 15m or 3d", s)
	case v <= 0:
		return 0, fmt.Errorf("%s: must be greater than 0", s)
	}
	return v, nil
}

// durationOrNever reads a duration, or the word off, which is -1.
func durationOrNever(to *caddy.Duration) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var s string
		if err := durationOrOff(&s)(d, name); err != nil {
			return err
		}
		*to = -1
		if s == metricsOff {
			return nil
		}
		v, err := parseDuration(s)
		*to = caddy.Duration(v)
		return err
	}
}

// durationOrOff reads a duration as it is written, or the word off.
func durationOrOff(to *string) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		if err := exact(d, name, to); err != nil || *to == metricsOff {
			return err
		}
		if _, err := parseDuration(*to); err != nil {
			return d.Errf("%s: %v, and not off", name, err)
		}
		return nil
	}
}

// number reads a whole number that is more than nothing.
func number(to *int) parser {
	return func(d *caddyfile.Dispenser, name string) error { return parseNumber(d, name, to, "") }
}

// numberOrOff reads the same, or the word off, which is -1.
func numberOrOff(to *int) parser {
	return func(d *caddyfile.Dispenser, name string) error { return parseNumber(d, name, to, ", or off") }
}

// parseNumber reads a whole number. What else there may be stands in orOff, as in
// errors.
func parseNumber(d *caddyfile.Dispenser, name string, to *int, orOff string) error {
	var s string
	if err := exact(d, name, &s); err != nil {
		return err
	}
	if orOff != "" && s == "off" {
		*to = -1
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 {
		return d.Errf("%s: %q: want a whole number above 0%s", name, s, orOff)
	}
	*to = n
	return nil
}

// score reads a number above 0, up to 1.
func score(to *float64) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var s string
		if err := exact(d, name, &s); err != nil {
			return err
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v > 0 && v <= 1) {
			return d.Errf("%s: %q: want a number above 0, up to 1", name, s)
		}
		*to = v
		return nil
	}
}

// sizes are the units of a number of bytes.
var sizes = []struct {
	unit  string
	bytes int
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// size reads a number of bytes that is more than nothing, such as 64KiB or 1MB.
func size(to *int) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var s string
		if err := exact(d, name, &s); err != nil {
			return err
		}
		for _, u := range sizes {
			digits, ok := cutSuffixFold(s, u.unit)
			if !ok {
				continue
			}
			n, err := strconv.Atoi(digits)
			if err != nil || n <= 0 || n > math.MaxInt/u.bytes {
				break
			}
			*to = n * u.bytes
			return nil
		}
		return d.Errf("%s: %q: want a size such as 512KiB or 1MiB", name, s)
	}
}

func cutSuffixFold(s, suffix string) (before string, ok bool) {
	if n := len(s) - len(suffix); n >= 0 && strings.EqualFold(s[n:], suffix) {
		return s[:n], true
	}
	return s, false
}

// certificates reads the paths of a certificate and its key, of an authority, or of
// all of them.
func certificates(cert, key, ca *string) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		switch args := d.RemainingArgs(); len(args) {
		case 1:
			*ca = args[0]
		case 2:
			*cert, *key = args[0], args[1]
		case 3:
			*cert, *key, *ca = args[0], args[1], args[2]
		default:
			return d.Errf("%s: want CERT KEY, CERT KEY CA or CA, got %d arguments", name, len(args))
		}
		return nil
	}
}

// credentials reads a name and a password.
func credentials(name, password *string) parser {
	return func(d *caddyfile.Dispenser, option string) error {
		return pair(d, option, "a name and a password", name, password)
	}
}

// pair reads two words, which errors call what.
func pair(d *caddyfile.Dispenser, option, what string, first, second *string) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Errf("%s: want %s, got %d arguments", option, what, len(args))
	}
	*first, *second = args[0], args[1]
	return nil
}
