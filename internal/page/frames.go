package page

import (
	"fmt"
	"strings"
)

// frames returns the source list of the directive frame-ancestors that allows the pages
// of origins, or none.
func frames(origins []string) (string, error) {
	if len(origins) == 0 {
		return "'none'", nil
	}
	for _, o := range origins {
		if !isFrameSource(o) {
			return "", fmt.Errorf("frame_ancestors: %.64q: want 'self' or an origin such as https://example.com or https://*.example.com", o)
		}
	}
	return strings.Join(origins, " "), nil
}

// isFrameSource reports whether o is the origin of a site. It refuses characters that
// could end the directive.
func isFrameSource(o string) bool {
	if o == "'self'" {
		return true
	}
	scheme, host, ok := strings.Cut(o, "://")
	if !ok || scheme != "https" && scheme != "http" {
		return false
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "*."), ":*")
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]"
	return host != "" && strings.Trim(host, allowed) == "" && !strings.HasPrefix(host, ":") && !strings.HasPrefix(host, ".")
}
