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

// Unban makes CrowdSec end its decisions about the very target of d, whatever
// their type and origin, and returns their number. A range around an address
// stays banned, and so do the addresses in a range. An address is found however
// it is spelled, a range only as [lookup.Decision.Target] spells it. A Run under
// way asks for everything at once then, so that the table hears of it within a
// round trip, or sooner by [lookup.Table.Forget].
//
// The error is [ErrNoMachine] if the Config names none. An error after some
// decisions have been ended comes with their number.
func (c *Client) Unban(ctx context.Context, d lookup.Decision) (int, error) {
	n, err := c.machine.unban(ctx, d)
	if n > 0 {
		c.Sync()
	}
	return n, err
}

// unban is Unban. A nil machine means no machine.
func (m *machine) unban(ctx context.Context, d lookup.Decision) (int, error) {
	if m == nil {
		return 0, ErrNoMachine
	}
	queries := unbanQueries(d)
	if len(queries) == 0 {
		return 0, errors.New("ending decisions: no address, range, country or autonomous system to end them for")
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

// unbanQueries returns the queries that together find the decisions about the
// target of d and no others. By itself, ip and range find all that contain
// theirs; contains=false turns that round, which for an address is the address
// alone. For a range it would be all that is in it, so the value is compared.
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
		return 0, fmt.Errorf("reading the answer: %.64q is no number of decisions", said.NbDeleted)
	}
	return n, nil
}
