package lapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	machineTimeout = 10 * time.Second // for a question and its answer, a login included
	maxLogin       = 64 << 10         // bytes of the answer to a login
)

// ErrNoMachine means that what was asked for takes a [Machine] in the Config.
var ErrNoMachine = errors.New("no machine to log in as: `cscli machines add NAME --password PASSWORD` makes one")

// A machine talks to the API as one that may change things. It logs in when it
// first has to, and again whenever its token is refused: tokens end after an
// hour, and all of them at once when the server is started anew. No clock takes
// part in it, so that of the server may differ from ours.
type machine struct {
	api

	who   Machine
	turn  chan struct{} // holds one element, for whoever may log in
	token string        // "": none yet; guarded by turn
}

func newMachine(a api, who Machine) *machine {
	return &machine{api: a, who: who, turn: make(chan struct{}, 1)}
}

// An order is a question of a machine. Its answer is read whole, up to limit
// bytes.
type order struct {
	method, path string
	limit        int64
}

// ask returns the answer to o, in the form of JSON.
func (m *machine) ask(ctx context.Context, o order) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, machineTimeout)
	defer cancel()
	token, err := m.login(ctx, "")
	if err != nil {
		return nil, err
	}
	answer, err := m.askWith(ctx, o, token)
	if isRefusal(err, http.StatusUnauthorized) {
		if token, err = m.login(ctx, token); err != nil {
			return nil, err
		}
		answer, err = m.askWith(ctx, o, token)
	}
	return answer, err
}

func (m *machine) askWith(ctx context.Context, o order, token string) ([]byte, error) {
	req, err := m.newRequest(ctx, o.method, o.path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return m.exchange(req, o.limit, token)
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
		return "", fmt.Errorf("logging in as machine %s: %w", m.who.Name, err)
	}
	m.token = token
	return token, nil
}

func (m *machine) newToken(ctx context.Context) (string, error) {
	body, err := json.Marshal(map[string]string{"machine_id": m.who.Name, "password": m.who.Password})
	if err != nil {
		return "", err
	}
	req, err := m.newRequest(ctx, http.MethodPost, "/v1/watchers/login", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	answer, err := m.exchange(req, maxLogin)
	if err != nil {
		return "", err
	}
	var said struct{ Token string }
	if err := json.Unmarshal(answer, &said); err != nil {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	if said.Token == "" {
		return "", errors.New("the answer has no token")
	}
	return said.Token, nil
}

// exchange sends req and returns its answer, of at most limit bytes. The secrets
// are kept out of errors.
func (m *machine) exchange(req *http.Request, limit int64, secrets ...string) ([]byte, error) {
	resp, err := m.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if !slices.Contains([]int{http.StatusOK, http.StatusCreated}, resp.StatusCode) {
		return nil, m.refuse(resp, machineRefused, secrets...)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if int64(len(answer)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
	}
	return answer, nil
}
