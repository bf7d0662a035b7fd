package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// communitiesID is the name of the app with the centres of a config.
const communitiesID = "tocsin_communities"

// Communities is the app of the running config that has its centres.
type Communities interface {
	// Centre returns the centre with this name; the only one without a name.
	Centre(name string) (*community.Centre, error)
}

// communityRoutes are the routes about the centre of a community. The parameter community
// names it, if the config has several; by says who acts, for the audit log.
func communityRoutes() []caddy.AdminRoute {
	route := func(path string, e centreEndpoint) caddy.AdminRoute {
		return caddy.AdminRoute{Pattern: "/tocsin/community/" + path, Handler: e}
	}
	return []caddy.AdminRoute{
		route("members", centreEndpoint{http.MethodGet: {serve: centreMembers}}),
		route("members/change", centreEndpoint{http.MethodPost: {centreChange, []string{"login", "state", "reason"}}}),
		route("members/key", centreEndpoint{http.MethodPost: {centreKey, []string{"login"}}}),
		route("invitations", centreEndpoint{
			http.MethodGet:  {serve: centreInvitations},
			http.MethodPost: {centreInvite, []string{"name", "operator", "role", "vouched", "for"}},
		}),
		route("listings", centreEndpoint{
			http.MethodGet:    {centreListings, []string{"limit"}},
			http.MethodDelete: {centreDelist, []string{"address", "login", "reason"}},
		}),
		route("explain", centreEndpoint{http.MethodGet: {centreExplain, []string{"address"}}}),
		route("cases", centreEndpoint{
			http.MethodGet:  {centreCases, []string{"all", "limit"}},
			http.MethodPost: {centreDecide, []string{"id", "outcome", "reason"}},
		}),
		route("freeze", centreEndpoint{http.MethodPost: {centreFreeze, []string{"on", "reason"}}}),
		route("rollback", centreEndpoint{http.MethodPost: {centreRollback, []string{"to", "reason"}}}),
		route("void", centreEndpoint{http.MethodPost: {centreVoid, []string{"login", "hash", "reason"}}}),
		route("export", centreEndpoint{http.MethodGet: {serve: centreExport}}),
		route("audit", centreEndpoint{http.MethodGet: {centreAudit, []string{"after", "limit"}}}),
	}
}

// A centreEndpoint answers requests about a centre, by method.
type centreEndpoint map[string]centreOperation

type centreOperation struct {
	serve  func(q centreQuery, w http.ResponseWriter) error
	params []string // beside community and by
}

// A centreQuery is a request about a centre.
type centreQuery struct {
	context.Context
	url.Values
	*community.Centre
	by string
}

// ServeHTTP implements [caddy.AdminHandler].
func (e centreEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	op, ok := e[r.Method]
	if !ok {
		return notAllowed(w, r, e)
	}
	query, err := parseQuery(r, append([]string{"community", "by"}, op.params...))
	if err != nil {
		return apiError(http.StatusBadRequest, err)
	}
	centre, err := runningCentre(query.Get("community"))
	if err != nil {
		return err
	}
	by := query.Get("by")
	if by == "" {
		return apiError(http.StatusBadRequest, errors.New("parameter by is missing: want your name, for the audit log"))
	}
	return centreError(op.serve(centreQuery{r.Context(), query, centre, by}, w))
}

// runningCentre returns a centre of the running config.
func runningCentre(name string) (*community.Centre, error) {
	ctx := caddy.ActiveContext()
	if ctx.Context == nil {
		return nil, apiError(http.StatusServiceUnavailable, errors.New("no config is running yet"))
	}
	v, err := ctx.AppIfConfigured(communitiesID)
	app, is := v.(Communities)
	if err != nil || !is {
		return nil, apiError(http.StatusNotFound,
			errors.New("the running config has no community: no site has the directive tocsin_community"))
	}
	centre, err := app.Centre(name)
	if err != nil {
		return nil, apiError(http.StatusNotFound, err)
	}
	return centre, nil
}

// centreError gives an error of a centre its status.
func centreError(err error) error {
	var known caddy.APIError
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, community.ErrNotFound):
		return apiError(http.StatusNotFound, err)
	case errors.Is(err, community.ErrInvalid), errors.Is(err, community.ErrConflict), errors.Is(err, community.ErrTaken):
		return apiError(http.StatusBadRequest, err)
	}
	return apiError(http.StatusInternalServerError, err)
}

// unit returns the unit that the parameter address is about.
func (q centreQuery) unit() (consensus.Unit, error) {
	unit, err := consensus.ParseUnit(q.Get("address"))
	if err != nil {
		err = apiError(http.StatusBadRequest, fmt.Errorf("parameter address: %.64q: want an IP address such as 192.0.2.1", q.Get("address")))
	}
	return unit, err
}

// limit returns the parameter limit.
func (q centreQuery) limit() (int, error) {
	s := q.Get("limit")
	if s == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxLimit {
		return 0, apiError(http.StatusBadRequest, fmt.Errorf("parameter limit: %.64q: want a number from 1 to %d", s, maxLimit))
	}
	return n, nil
}

// flag returns a parameter that is true or false; empty: false.
func (q centreQuery) flag(name string) (bool, error) {
	s := q.Get(name)
	if s == "" {
		return false, nil
	}
	is, err := strconv.ParseBool(s)
	if err != nil {
		err = apiError(http.StatusBadRequest, fmt.Errorf("parameter %s: %.64q: want true or false", name, s))
	}
	return is, err
}

// done answers a request that has nothing to tell but a number.
func done(w http.ResponseWriter, units int) error {
	return send(w, http.StatusOK, CommunityDone{Done: true, Addresses: units})
}

func centreExport(q centreQuery, w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	return q.Export(q, q.by, w)
}

func centreAudit(q centreQuery, w http.ResponseWriter) error {
	limit, err := q.limit()
	if err != nil {
		return err
	}
	after, _ := strconv.ParseUint(q.Get("after"), 10, 64) // nothing, or no number: from the beginning
	entries, err := q.Audit(q, q.by, after, limit)
	if err != nil {
		return err
	}
	a := CommunityAudit{Entries: make([]CommunityEntry, len(entries))}
	for i := range entries {
		a.Entries[i] = newCommunityEntry(&entries[i])
	}
	return send(w, http.StatusOK, a)
}

// parsePast reads a time in the past: a moment, or how long ago it is.
func parsePast(s string, now time.Time) (time.Time, error) {
	if d, err := caddy.ParseDuration(s); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil && at.Before(now) {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("%.64q: want how long ago, such as 2h, or a time such as %s", s, now.Add(-2*time.Hour).UTC().Format(time.RFC3339))
}
