package caddymodule

import (
	"encoding/json"
	"fmt"
)

// former are fields that the app had in JSON once.
type former struct {
	LAPI       json.RawMessage `json:"lapi,omitempty"`
	Blocklists json.RawMessage `json:"blocklists,omitempty"`
	GeoIP      json.RawMessage `json:"geoip,omitempty"`
	AppSec     json.RawMessage `json:"appsec,omitempty"`
}

// check says what has taken the place of a field that is set.
func (f *former) check() error {
	for _, field := range []struct {
		name, now string
		value     json.RawMessage
	}{
		{"lapi", `"sources": [{"source": "lapi", "url": …}]`, f.LAPI},
		{"blocklists", `"sources": [{"source": "blocklist", "path": …}]`, f.Blocklists},
		{"geoip", `"sources": [{"source": "geoip", "paths": […]}]`, f.GeoIP},
		{"appsec", `"inspectors": [{"inspector": "appsec", "url": …}]`, f.AppSec},
	} {
		if field.value != nil {
			return fmt.Errorf("%s: there is no such field any more: write %s", field.name, field.now)
		}
	}
	return nil
}
