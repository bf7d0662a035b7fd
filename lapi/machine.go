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
	machineTimeout = 10 * time.Second // for a request and its answer, including a login
	maxLogin       = 64 << 10         // bytes of the answer to a login
	maxScenarios   = 1000             // names in a login; the server stores a list of 100,000 bytes
)

// ErrNoMachine means that the call needs a [Machine] in the Config.
var ErrNoMachine = errors.New("no machine is configured: `cscli machines add NAME --password PASSWORD` makes one")

// A machine sends requests that change data in CrowdSec. It logs in at the first
// request, and again when its token is refused: tokens expire after an hour, and all at
// once when the server restarts. It uses no clock, so the server's clock may differ.
type machine struct {
	api

	who       Machine
	scenarios func() []string // for the login; nil: none
	turn      chan struct{}   // has one element: a goroutine takes it before it logs in

	// Only the holder of the turn may use the following fields.
	token   string    // "": none yet
	asked   time.Time // when it last asked for registration
	taken   bool      // it was registered then, and an operator must validate it
	refused error     // why registration failed; nil if it succeeded
}

// An order is a request of a machine. Its answer is read completely, up to limit bytes.
type order struct {
	method, path string
	body         []byte // JSON; nil: none
	limit        int64
	patience     time.Duration // default: machineTimeout
}

// A reply is an answer to an order. If it is an error or breaks off, it has only a
// code. After a failed login it has none.
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

// forget makes the next request begin with a login. A server that refuses a token may
// close the connection during the body, so that its answer is lost.
func (m *machine) forget(token string) {
	select {
	case m.turn <- struct{}{}:
		if m.token == token {
			m.token = ""
		}
		<-m.turn
	default: // another goroutine logs in right now
	}
}

// login returns a token other than the refused one.
func (m *machine) login(ctx context.Context, refused string) (string, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if m.token != refused {
		return m.token, nil // another goroutine has logged in meanwhile
	}
	m.token = ""
	token, err := m.newToken(ctx)
	if err != nil {
		return "", fmt.Errorf("logging in as machine %s: %w", cmp.Or(m.who.Name, "of the certificate "+m.who.Cert), err)
	}
	m.token = token
	return token, nil
}

// newToken logs in. If necessary and configured, it registers first.
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
	case m.refused != nil: // repeated each time, because the next registration is minutes away
		return "", fmt.Errorf("%w; and %w", err, m.refused)
	case m.taken:
		return "", fmt.Errorf("registered, but not validated: run `cscli machines validate %s` on the server", m.who.Name)
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

// named returns the scenarios for the login: never nil, because the server does not
// accept null.
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

// request returns the request for o. It does not keep the connection open: a machine
// sends so rarely that the connection would be dead by the next time, and a request
// that changes data must not be repeated automatically.
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
		// So that the server refuses an expired token before the body is sent.
		req.Header.Set("Expect", "100-continue")
	}
	return req, nil
}

// exchange sends req and returns its answer of at most limit bytes. Errors do not
// contain the secrets.
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

// explainHandshake adds advice to the error of a server that requires a client
// certificate.
func explainHandshake(err error) error {
	if strings.Contains(err.Error(), "remote error: tls:") {
		return fmt.Errorf("%w: the server requires a client certificate of the machine, too, different from the bouncer's: set machine_tls", err)
	}
	return err
}
