package lapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	machineTimeout = 10 * time.Second // for a question and its answer, a login included
	maxLogin       = 64 << 10         // bytes of the answer to a login
	maxScenarios   = 1000             // named at a login; the server keeps a list of 100,000 bytes
)

// ErrNoMachine means that what was asked for takes a [Machine] in the Config.
var ErrNoMachine = errors.New("no machine to log in as: `cscli machines add NAME --password PASSWORD` makes one")

// A machine talks to the API as one that may change things. It logs in when it
// first has to, and again whenever its token is refused: tokens end after an
// hour, and all of them at once when the server is started anew. No clock takes
// part in it, so that of the server may differ from ours.
type machine struct {
	api

	who       Machine
	scenarios func() []string // to be named at a login; nil: none
	turn      chan struct{}   // holds one element, for whoever may log in

	// What follows is for whoever has the turn.
	token   string    // "": none yet
	asked   time.Time // when it last asked to be registered
	taken   bool      // it was then, and has to be validated
	refused error     // why it was not; nil if it was
}

// An order is a question of a machine. Its answer is read whole, up to limit
// bytes.
type order struct {
	method, path string
	body         []byte // JSON; nil: none
	limit        int64
	patience     time.Duration // default: machineTimeout
}

// A reply is an answer. One that is refused or breaks off has only a code, and
// one to a login that fails has none.
type reply struct {
	code int
	body []byte
}

var errUnread = errors.New("reading the answer")

// ask returns the answer to o.
func (m *machine) ask(ctx context.Context, o order) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(o.patience, machineTimeout))
	defer cancel()
	token, err := m.login(ctx, "")
	if err != nil {
		return reply{}, err
	}
	answer, err := m.askWith(ctx, o, token)
	if isRefusal(err, http.StatusUnauthorized) {
		if token, err = m.login(ctx, token); err != nil {
			return reply{}, err
		}
		answer, err = m.askWith(ctx, o, token)
	}
	if err != nil && answer.code == 0 && o.body != nil {
		m.forget(token)
	}
	return answer, err
}

func (m *machine) askWith(ctx context.Context, o order, token string) (reply, error) {
	req, err := m.request(ctx, o)
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return m.exchange(req, o.limit, token)
}

// forget makes the next question begin with a login. A server that refuses a
// token may hang up in the midst of a body, and its answer is lost.
func (m *machine) forget(token string) {
	select {
	case m.turn <- struct{}{}:
		if m.token == token {
			m.token = ""
		}
		<-m.turn
	default: // somebody logs in just now
	}
}

// login returns a token that is not the refused one.
func (m *machine) login(ctx context.Context, refused string) (string, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if m.token != refused {
		return m.token, nil // somebody else has logged in meanwhile
	}
	m.token = ""
	token, err := m.newToken(ctx)
	if err != nil {
		return "", fmt.Errorf("logging in as machine %s: %w", cmp.Or(m.who.Name, "of the certificate "+m.who.Cert), err)
	}
	m.token = token
	return token, nil
}

// newToken logs in, and asks to be registered first if it has to be.
func (m *machine) newToken(ctx context.Context) (string, error) {
	token, err := m.tryLogin(ctx)
	if !m.who.Register || !isRefusal(err, http.StatusUnauthorized) {
		return token, err
	}
	if time.Since(m.asked) >= registerPause {
		m.asked = time.Now()
		validated, refused := m.register(ctx)
		m.taken, m.refused = refused == nil && !validated, refused
		if validated {
			return m.tryLogin(ctx)
		}
	}
	switch {
	case m.refused != nil: // said each time: it is not asked again for minutes
		return "", fmt.Errorf("%w; and %w", err, m.refused)
	case m.taken:
		return "", fmt.Errorf("registered, but not validated: `cscli machines validate %s` lets it in", m.who.Name)
	}
	return "", err
}

func (m *machine) tryLogin(ctx context.Context) (string, error) {
	body, err := json.Marshal(map[string]any{
		"machine_id": m.who.Name, "password": m.who.Password, "scenarios": m.named(),
	})
	if err != nil {
		return "", err
	}
	req, err := m.request(ctx, order{method: http.MethodPost, path: "/v1/watchers/login", body: body})
	if err != nil {
		return "", err
	}
	answer, err := m.exchange(req, maxLogin)
	if err != nil {
		return "", err
	}
	var got struct{ Token string }
	if err := json.Unmarshal(answer.body, &got); err != nil {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	if got.Token == "" {
		return "", errors.New("the answer has no token")
	}
	return got.Token, nil
}

// named returns the scenarios to be named at a login: a list, if an empty one,
// since null is none.
func (m *machine) named() []string {
	list := []string{}
	if m.scenarios == nil {
		return list
	}
	for _, name := range m.scenarios() {
		if name = clip(name, maxWord); name != "" && len(list) < maxScenarios {
			list = append(list, name)
		}
	}
	return list
}

// request returns the request for o. A machine asks so seldom that a connection
// kept open would be dead by the next time, and a question that changes things
// is not asked again unasked.
func (m *machine) request(ctx context.Context, o order) (*http.Request, error) {
	var body io.Reader
	if o.body != nil {
		body = bytes.NewReader(o.body)
	}
	req, err := m.newRequest(ctx, o.method, o.path, body)
	if err != nil {
		return nil, err
	}
	req.Close = true
	if o.body != nil {
		// So that the answer to a void token comes before the body goes.
		req.Header.Set("Expect", "100-continue")
	}
	return req, nil
}

// exchange sends req and returns its answer, of at most limit bytes. The secrets
// are kept out of errors.
func (m *machine) exchange(req *http.Request, limit int64, secrets ...string) (reply, error) {
	resp, err := m.do(req)
	if err != nil {
		return reply{}, explainHandshake(err)
	}
	defer resp.Body.Close()
	good := []int{http.StatusOK, http.StatusCreated, http.StatusAccepted}
	if !slices.Contains(good, resp.StatusCode) {
		return reply{code: resp.StatusCode}, m.refuse(resp, machineRefused, secrets...)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return reply{code: resp.StatusCode}, fmt.Errorf("%w: %w", errUnread, err)
	}
	if int64(len(answer)) > limit {
		return reply{}, fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
	}
	return reply{resp.StatusCode, answer}, nil
}

// explainHandshake says what a server wants that hangs up on a machine without a
// certificate.
func explainHandshake(err error) error {
	if strings.Contains(err.Error(), "remote error: tls:") {
		return fmt.Errorf("%w: a server that wants certificates wants one of the machine, too, other than the bouncer's: name it with machine_tls", err)
	}
	return err
}
