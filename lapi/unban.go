package lapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tocsin-project/tocsin/lookup"
)

const maxUnban = 64 << 10 // bytes of the answer

// Unban makes CrowdSec end its decisions about exactly the target of d, of any type and
// origin, and returns their number. It does not end decisions about a range around an
// address, nor about addresses in a range. It finds an address in any spelling, but a
// range only in that of [lookup.Decision.Target]. Run then asks for all decisions at
// once, so the table is updated after one round trip, or earlier by
// [lookup.Table.Forget].
//
// The error is [ErrNoMachine] if the Config has no machine. If an error occurs after
// some decisions have ended, their number is returned too.
func (c *Client) Unban(ctx context.Context, d lookup.Decision) (int, error) {
	n, err := c.machine.unban(ctx, d)
	if n > 0 {
		c.Sync()
	}
	return n, err
}

// unban is Unban. The machine may be nil.
func (m *machine) unban(ctx context.Context, d lookup.Decision) (int, error) {
	if m == nil {
		return 0, ErrNoMachine
	}
	queries := unbanQueries(d)
	if len(queries) == 0 {
		return 0, errors.New("ending decisions: no target: want an address, a range, a country or an autonomous system")
	}
	n := 0
	for _, q := range queries {
		ended, err := m.endDecisions(ctx, q)
		if err != nil {
			return n, fmt.Errorf("ending decisions about %s: %w", d.Target(), err)
		}
		n += ended
	}
	return n, nil
}

// unbanQueries returns the queries that together find exactly the decisions about the
// target of d. The parameters ip and range find all decisions that contain the address
// or range. With contains=false they find those inside it: for an address that is only
// itself. For a range it would be everything in it, so the value is compared instead.
func unbanQueries(d lookup.Decision) []url.Values {
	target := d.Target()
	switch {
	case target == "":
		return nil
	case d.Country != "":
		return []url.Values{{"scopes": {"Country"}, "value": {target}}}
	case d.AS != 0:
		return []url.Values{
			{"scopes": {"AS"}, "value": {target}},
			{"scopes": {"AS"}, "value": {"AS" + target}},
		}
	case strings.Contains(target, "/"):
		return []url.Values{{"value": {target}}}
	}
	return []url.Values{{"ip": {target}, "contains": {"false"}}}
}

func (m *machine) endDecisions(ctx context.Context, q url.Values) (int, error) {
	answer, err := m.ask(ctx, order{method: http.MethodDelete, path: "/v1/decisions?" + q.Encode(), limit: maxUnban})
	if err != nil {
		return 0, err
	}
	var said struct {
		NbDeleted json.RawMessage // "1", a string
	}
	if err := json.Unmarshal(answer.body, &said); err != nil {
		return 0, fmt.Errorf("reading the answer: %w", err)
	}
	n, err := strconv.Atoi(strings.Trim(string(said.NbDeleted), `"`))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("reading the answer: %.64q is not a number of decisions", said.NbDeleted)
	}
	return n, nil
}
