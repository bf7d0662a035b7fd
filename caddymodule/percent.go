package caddymodule

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// percent reads a share such as 20%, as a number above 0, up to 1.
func percent(to *float64) parser {
	return func(d *caddyfile.Dispenser, name string) error {
		var s string
		if err := exact(d, name, &s); err != nil {
			return err
		}
		digits, ok := strings.CutSuffix(s, "%")
		v, err := strconv.ParseFloat(digits, 64)
		if !ok || err != nil || !(v > 0 && v <= 100) {
			return d.Errf("%s: %q: want a share such as 20%%, above 0%% and up to 100%%", name, s)
		}
		*to = v / 100
		return nil
	}
}
