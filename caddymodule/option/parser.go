package option

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// off is the word for nothing, or never.
const off = "off"

// Exact reads the rest of the line: one argument for each target, so none without a
// target.
func Exact(d *caddyfile.Dispenser, name string, targets ...*string) error {
	args := d.RemainingArgs()
	switch {
	case len(args) > 0 && len(targets) == 0:
		return d.Errf("%s: takes no argument, got %q", name, args[0])
	case len(args) != len(targets):
		return d.Errf("%s: want one argument, got %d", name, len(args))
	}
	for i, t := range targets {
		*t = args[i]
	}
	return nil
}

// Word reads one word.
func Word(to *string) Parser {
	return func(d *caddyfile.Dispenser, name string) error { return Exact(d, name, to) }
}

// Words reads one word or more.
func Words(to *[]string) Parser {
	return func(d *caddyfile.Dispenser, name string) error {
		if *to = d.RemainingArgs(); len(*to) == 0 {
			return d.Errf("%s: want at least one argument", name)
		}
		return nil
	}
}

// OneOf reads one of a few words.
func OneOf(to *string, allowed ...string) Parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var s string
		if err := Exact(d, name, &s); err != nil {
			return err
		}
		return Choose(d, name, to, s, allowed...)
	}
}

// Choose sets to to the word s, which must be one of the allowed words.
func Choose(d *caddyfile.Dispenser, name string, to *string, s string, allowed ...string) error {
	if !slices.Contains(allowed, s) {
		return d.Errf("%s: %q: want one of %s", name, s, strings.Join(allowed, ", "))
	}
	*to = s
	return nil
}

// ParseDuration reads a duration above 0. It replaces Caddy's error, which describes
// the parser and not the option.
func ParseDuration(s string) (time.Duration, error) {
	v, err := caddy.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%.64q: want a duration such as 10s, 15m or 3d", s)
	case v <= 0:
		return 0, fmt.Errorf("%s: must be greater than 0", s)
	}
	return v, nil
}

// DurationOrOff reads a duration, or the word off, as text.
func DurationOrOff(to *string) Parser {
	return func(d *caddyfile.Dispenser, name string) error {
		if err := Exact(d, name, to); err != nil || *to == off {
			return err
		}
		if _, err := ParseDuration(*to); err != nil {
			return d.Errf("%s: %v, or off", name, err)
		}
		return nil
	}
}

// Certificates reads the paths of a certificate and its key, of an authority, or of all
// three.
func Certificates(cert, key, ca *string) Parser {
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

// Pair reads two words. Errors describe them with what.
func Pair(what string, first, second *string) Parser {
	return func(d *caddyfile.Dispenser, name string) error {
		args := d.RemainingArgs()
		if len(args) != 2 {
			return d.Errf("%s: want %s, got %d arguments", name, what, len(args))
		}
		*first, *second = args[0], args[1]
		return nil
	}
}
