package caddymodule

import (
	"encoding/json"
	"fmt"
)

// former are JSON fields of earlier versions.
type former struct {
	LAPI       json.RawMessage `json:"lapi,omitempty"`
	Blocklists json.RawMessage `json:"blocklists,omitempty"`
	GeoIP      json.RawMessage `json:"geoip,omitempty"`
	AppSec     json.RawMessage `json:"appsec,omitempty"`
}

// check returns an error for a former field that is set, with its replacement.
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
			return fmt.Errorf("%s: this field does not exist any more: write %s instead", field.name, field.now)
		}
	}
	return nil
}
