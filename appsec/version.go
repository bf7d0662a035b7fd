package appsec

import (
	"fmt"

	"github.com/tocsin-project/tocsin/lookup"
)

// CheckVersions asks AppSec about a harmless request for the page /, once as one of
// HTTP/1.1 and once as one of the highest version that it is told of. It returns an
// error if the second alone is refused, so that every visitor whose browser speaks
// that version would be. If AppSec does not answer, the error says so and wraps
// [ErrNoAnswer]: then nothing is known.
//
// It is worth a call at the start if MaxHTTPVersion is HTTP3.
func (c *Client) CheckVersions() error {
	most := c.cfg.MaxHTTPVersion
	plain, err := c.asks(HTTP11)
	if err != nil || plain != lookup.None || most == HTTP11 {
		return err // where everything is refused, the version is not why
	}
	said, err := c.asks(most)
	if err != nil || said == lookup.None {
		return err
	}
	return fmt.Errorf("AppSec refuses every request of %v, and so all visitors whose browser speaks it: its rules do not know that version "+
		"(rule 920430 of the Core Rule Set 4.0.0-rc1 does not know HTTP/3). Set the highest version that AppSec is told of to 2", most)
}

// asks returns what AppSec says about a harmless request of a version of HTTP.
func (c *Client) asks(v HTTPVersion) (lookup.Action, error) {
	said, err := c.Inspect(harmless(v))
	switch {
	case err != nil:
		return said.Action, err
	case !said.Answered && said.Reason != "":
		return said.Action, fmt.Errorf("%w: %s", ErrNoAnswer, said.Reason)
	}
	return said.Action, nil
}
