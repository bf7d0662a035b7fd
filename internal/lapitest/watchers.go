package lapitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	watchersPath = "/v1/watchers"
	tokenLife    = time.Hour
)

// A machine is a row of the server's table of machines.
type machine struct {
	password  string
	pending   bool // not validated yet
	scenarios []string
	beats     int
}

// A token is the login of a machine.
type token struct {
	machine string
	until   time.Time
}

// AddMachine adds a machine and validates it, or changes its password.
func (h *Handler) AddMachine(name, password string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.machines[name] = &machine{password: password}
}

// RemoveMachine removes a machine. As in the real server, its tokens stay valid until they
// end.
func (h *Handler) RemoveMachine(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.machines, name)
}

// Validate validates a machine that has registered itself, so that it can log in, as `cscli
// machines validate` does.
func (h *Handler) Validate(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.machines[name]; m != nil {
		m.pending = false
	}
}

// Scenarios returns the scenarios that a machine sent at its last login.
func (h *Handler) Scenarios(name string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.machines[name]; m != nil {
		return slices.Clone(m.scenarios)
	}
	return nil
}

// Heartbeats returns how many heartbeats a machine has sent.
func (h *Handler) Heartbeats(name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.machines[name]; m != nil {
		return m.beats
	}
	return 0
}

func (h *Handler) heartbeat(_ http.ResponseWriter, _ *http.Request, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.machines[name]; m != nil {
		m.beats++
	}
}

// minToken is the least length of a registration token, in bytes.
const minToken = 32

// credentials are what a machine registers and logs in with.
type credentials struct {
	Machine   string `json:"machine_id"`
	Password  string
	Scenarios []string
	Token     string `json:"registration_token"`
}

// register adds a machine. Only generation New knows tokens. A machine with the right token
// needs no validation.
func (h *Handler) register(w http.ResponseWriter, r *http.Request) {
	var in credentials
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		message(w, http.StatusBadRequest, err.Error())
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	missing := in.missing()
	switch {
	case len(missing) > 0 && h.gen == Old:
		message(w, http.StatusInternalServerError, missing)
		return
	case len(missing) > 0:
		message(w, http.StatusUnprocessableEntity, missing)
		return
	case h.gen != Old && in.Token != "" && len(in.Token) < minToken:
		message(w, http.StatusUnprocessableEntity, "validation failure list:\nregistration_token in body should be at least 32 chars long")
		return
	case h.gen != Old && in.Token != "" && in.Token != h.token:
		message(w, http.StatusUnauthorized, "invalid token for auto registration")
		return
	case h.machines[in.Machine] != nil:
		message(w, http.StatusForbidden, fmt.Sprintf("user '%s': user already exist", in.Machine))
		return
	}
	m := &machine{password: in.Password, pending: h.gen == Old || in.Token == ""}
	h.machines[in.Machine] = m
	if m.pending {
		w.WriteHeader(http.StatusCreated)
	} else {
		w.WriteHeader(http.StatusAccepted)
	}
}

func (c *credentials) missing() string {
	list := ""
	if c.Machine == "" {
		list += "\nmachine_id in body is required"
	}
	if c.Password == "" {
		list += "\npassword in body is required"
	}
	if list == "" {
		return ""
	}
	return "validation failure list:" + list
}

func (h *Handler) login(w http.ResponseWriter, r *http.Request) {
	refuse := func(why string) {
		writeJSON(w, http.StatusUnauthorized, map[string]any{"code": http.StatusUnauthorized, "message": why})
	}
	var in credentials
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse("missing: " + err.Error())
		return
	}
	cert := certificate(r)
	if cert != nil {
		name, err := h.loginByCertificate(cert, clientIP(r))
		switch {
		case err != nil && h.Generation() == Old: // it answers twice
			writeRaw(w, http.StatusForbidden, fmt.Appendf(nil, `{"message":"access forbidden"}{"code":401,"message":%q}`,
				"while trying to validate client cert: "+err.Error()))
			return
		case err != nil:
			refuse(err.Error())
			return
		}
		in.Machine = name
	} else if in.Machine == "" || in.Password == "" {
		if h.Generation() == Old {
			refuse("input format error")
		} else {
			refuse(in.missing())
		}
		return
	}
	h.admit(w, r, in, cert != nil, refuse)
}

// admit answers a login with a token, or refuses it.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, in credentials, certified bool, refuse func(why string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.machines[in.Machine]
	switch {
	case m == nil:
		refuse("ent: machine not found")
		return
	case m.pending:
		refuse(fmt.Sprintf("machine %s not validated", in.Machine))
		return
	case !certified && m.password != in.Password, strings.Count(r.UserAgent(), "/") != 1:
		// A user agent that is not type/version is refused in the same words.
		refuse("incorrect Username or Password")
		return
	}
	m.scenarios = in.Scenarios
	h.nextToken++
	t := fmt.Sprintf("fake.%d.token", h.nextToken)
	until := time.Now().Add(tokenLife)
	h.tokens[t] = token{machine: in.Machine, until: until}
	writeJSON(w, http.StatusOK, map[string]any{"code": http.StatusOK, "expire": until.UTC().Format(time.RFC3339), "token": t})
}

// asMachine accepts clients with a token in force.
func (h *Handler) asMachine(serve func(w http.ResponseWriter, r *http.Request, machine string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		why := "cookie token is empty"
		if ok {
			h.mu.Lock()
			known := h.tokens[t]
			h.mu.Unlock()
			switch {
			case known.machine == "":
				why = "signature is invalid"
			case !time.Now().Before(known.until):
				why = "Token is expired"
			default:
				serve(w, r, known.machine)
				return
			}
		}
		writeJSON(w, http.StatusUnauthorized, map[string]any{"code": http.StatusUnauthorized, "message": why})
	}
}
