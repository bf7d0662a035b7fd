package lapi

import "fmt"

// Identity identifies the data that the client reads: two clients with the same
// Identity get the same decisions. The key is not part of it, because a new key gives
// access to the same data.
func (c *Client) Identity() string {
	return fmt.Sprintf("%q %q %q %q %q", c.cfg.URL, c.cfg.Scopes, c.cfg.Origins, c.cfg.ScenariosContaining, c.cfg.ScenariosNotContaining)
}
