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
	// registerPause keeps a machine that is not let in from asking for an account
	// again and again.
	registerPause = 10 * time.Minute
	maxRegister   = 4 << 10 // bytes of the answer
)

// Register makes the machine of the Config known to the API, and reports whether
// it may log in now. One with a certificate need not be known before. It may if the API takes its registration token. If there is
// none, or the API does not know of tokens, somebody has to let it in on the
// server: `cscli machines validate NAME`. A machine that can log in is not
// registered again. With Machine.Register a refused login does all of this.
//
// The error is [ErrNoMachine] if the Config names none. A name that is taken by a
// machine with another password is an error.
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
		return false, fmt.Errorf("logging in by certificate, which nobody registers: %w", err)
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
		why = "the name is taken, by this machine not validated yet or by one with another password, or the server registers nobody from here"
	case isRefusal(err, http.StatusUnauthorized):
		why = "the server does not take the registration token, or not from this address"
	case err == nil:
		m.log.Info("registered with CrowdSec as a machine: " + machineState(answer.code, m.who.Name))
		return answer.code == http.StatusAccepted, nil
	default:
		return false, fmt.Errorf("registering machine %s: %w", m.who.Name, err)
	}
	said := ""
	if r, ok := errors.AsType[*refusal](err); ok && r.said != "" {
		said = fmt.Sprintf(": the server says %.200q", r.said)
	}
	return false, fmt.Errorf("registering machine %s: %s: `cscli machines list` shows them%s", m.who.Name, why, said)
}

func machineState(code int, name string) string {
	if code == http.StatusAccepted {
		return "it may log in at once"
	}
	return "somebody has to let it in: `cscli machines validate " + name + "`"
}
