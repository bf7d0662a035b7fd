package lapi

import "fmt"

// Identity says what the client reads: two with the same Identity are told the same.
// The key is no part of it, since a new one opens the same door.
func (c *Client) Identity() string {
	return fmt.Sprintf("%q %q %q %q %q", c.cfg.URL, c.cfg.Scopes, c.cfg.Origins, c.cfg.ScenariosContaining, c.cfg.ScenariosNotContaining)
}
