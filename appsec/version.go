package appsec

import (
	"fmt"

	"github.com/tocsin-project/tocsin/lookup"
)

// CheckVersions asks AppSec about a harmless request for /, once with HTTP/1.1 and once
// with the highest version that AppSec gets. It returns an error if AppSec refuses only
// the second: then it would refuse every visitor whose browser uses that version. If
// AppSec does not answer, the error wraps [ErrNoAnswer].
//
// Call it at the start if MaxHTTPVersion is HTTP3.
func (c *Client) CheckVersions() error {
	most := c.cfg.MaxHTTPVersion
	plain, err := c.asks(HTTP11)
	if err != nil || plain != lookup.None || most == HTTP11 {
		return err // if everything is refused, the version is not the cause
	}
	said, err := c.asks(most)
	if err != nil || said == lookup.None {
		return err
	}
	return fmt.Errorf("AppSec refuses every request of %v, and so all visitors whose browsers use it: its rules do not know that version "+
		"(rule 920430 of the Core Rule Set 4.0.0-rc1 does not know HTTP/3). Set max_http_version to 2", most)
}

// asks returns AppSec's action for a harmless request with an HTTP version.
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
