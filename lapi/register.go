package lapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// registerPause is the time between two registrations of a machine that is not
	// validated.
	registerPause = 10 * time.Minute
	maxRegister   = 4 << 10 // bytes of the answer
)

// Register registers the machine of the Config with the API, and reports whether it may
// log in now. It may if the API accepts its registration token. Without a token, or if
// the API does not support tokens, an operator must run `cscli machines validate NAME`
// on the server. A machine with a certificate needs no registration, and one that can
// log in is not registered again. With Machine.Register this happens automatically when
// a login is refused.
//
// The error is [ErrNoMachine] if the Config has no machine. A name that another machine
// uses with a different password is an error.
func (c *Client) Register(ctx context.Context) (validated bool, err error) {
	if c.machine == nil {
		return false, ErrNoMachine
	}
	ctx, cancel := context.WithTimeout(ctx, machineTimeout)
	defer cancel()
	if _, err = c.machine.tryLogin(ctx); err == nil {
		return true, nil
	}
	if c.machine.who.Name == "" {
		return false, fmt.Errorf("logging in with a certificate (it needs no registration): %w", err)
	}
	return c.machine.register(ctx)
}

func (m *machine) register(ctx context.Context) (validated bool, err error) {
	wanted := map[string]string{"machine_id": m.who.Name, "password": m.who.Password}
	if m.who.Token != "" {
		wanted["registration_token"] = m.who.Token
	}
	body, err := json.Marshal(wanted)
	if err != nil {
		return false, err
	}
	req, err := m.request(ctx, order{method: http.MethodPost, path: "/v1/watchers", body: body})
	if err != nil {
		return false, err
	}
	answer, err := m.exchange(req, maxRegister)
	why := ""
	switch {
	case isRefusal(err, http.StatusForbidden):
		why = "the name is in use (by this machine before its validation, or by one with another password), or the server accepts no registration from this address"
	case isRefusal(err, http.StatusUnauthorized):
		why = "the server does not accept the registration token, or not from this address"
	case err == nil:
		m.log.Info("registered with CrowdSec as a machine: " + machineState(answer.code, m.who.Name))
		return answer.code == http.StatusAccepted, nil
	default:
		return false, fmt.Errorf("registering machine %s: %w", m.who.Name, err)
	}
	said := ""
	if r, ok := errors.AsType[*refusal](err); ok && r.message != "" {
		said = fmt.Sprintf(": the server says %.200q", r.message)
	}
	return false, fmt.Errorf("registering machine %s: %s: `cscli machines list` shows them%s", m.who.Name, why, said)
}

func machineState(code int, name string) string {
	if code == http.StatusAccepted {
		return "it can log in now"
	}
	return "run `cscli machines validate " + name + "` on the server before it can log in"
}
