package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/api"
	"github.com/tocsin-project/tocsin/internal/storetest"
)

// A town is a community with a real centre and real HTTP.
type town struct {
	*testing.T
	centre  *community.Centre
	store   *storetest.Memory
	server  *httptest.Server
	logs    *observer.ObservedLogs
	members int
}

// A scenario that never errs leads to a ban. In a new community all others lead to a captcha.
const (
	sure   = "crowdsecurity/ssh-bf"
	unsure = "crowdsecurity/http-probing"
)

// found founds a community whose centre runs until the end of the test. A member's address is
// what it says in a header, or its connection's.
func found(t *testing.T, change ...func(*api.Config)) *town {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	w := &town{T: t, store: storetest.NewMemory(), logs: logs}
	w.server = httptest.NewUnstartedServer(nil)
	site := "http://" + w.server.Listener.Addr().String()
	centre, err := community.New(community.Config{
		Store: w.store, Accounts: w.store, Secret: bytes.Repeat([]byte{7}, 32), Name: "example", Site: site, Log: zap.New(core),
		Catalogue: community.BuiltinCatalogue().
			Add(sure, "", community.Label{Behaviour: "ssh:bruteforce", Confidence: 3}).
			Add(unsure, "", community.Label{Behaviour: "http:exploit", Confidence: 2}),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.centre = centre
	cfg := api.Config{Centre: centre, Log: zap.New(core), PerSecond: 1e6, Burst: 1e6, ClientIP: claimed}
	for _, f := range change {
		f(&cfg)
	}
	h, err := api.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.server.Config.Handler = h
	w.server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- centre.Run(ctx) }()
	t.Cleanup(func() {
		w.server.Close()
		cancel()
		<-done
	})
	return w
}

// claimed is clientOf for tests with programs that cannot send the header.
func claimed(r *http.Request) netip.Addr {
	if ip := clientOf(r); ip.IsValid() {
		return ip
	}
	return netip.MustParseAddrPort(r.RemoteAddr).Addr()
}

// A citizen is an account of a town.
type citizen struct{ login, key, from string }

// join makes a vouched member, in a network of its own.
func (w *town) join() citizen { return w.account(community.Reporter) }

func (w *town) account(role community.Role) citizen {
	w.Helper()
	w.members++
	c := citizen{fmt.Sprintf("member-%d", w.members), fmt.Sprintf("key-of-member-%d-0123456789", w.members), fmt.Sprintf("20.%d.0.1", w.members)}
	key := sha256.Sum256([]byte(c.key))
	err := w.store.Add(w.Context(), community.Account{
		Login: c.login, Key: key[:], Role: role, Vouched: true, Operator: "operator of " + c.login, Terms: "1",
		Joined: time.Now(), From: netip.MustParsePrefix(fmt.Sprintf("20.%d.0.0/24", w.members)),
	})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// do sends a request of a citizen, and returns the answer.
func (w *town) do(c citizen, method, path, body string, headers ...header) (int, string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("X-Client", c.from)
	req.Header.Set("X-Api-Key", c.key)
	for _, h := range headers {
		req.Header.Set(h.name, h.value)
	}
	resp, err := w.server.Client().Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		w.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

func (w *town) get(c citizen, path string, headers ...header) string {
	w.Helper()
	code, body := w.do(c, "GET", path, "", headers...)
	if code != http.StatusOK {
		w.Fatalf("GET %s: %d %s", path, code, body)
	}
	return body
}

// token logs a citizen in.
func (w *town) token(c citizen) header {
	w.Helper()
	code, body := w.do(c, "POST", "/v3/watchers/login", fmt.Sprintf(`{"machine_id":%q,"password":%q}`, c.login, c.key))
	var p struct{ Token string }
	read(w, body, &p)
	if code != http.StatusOK || p.Token == "" {
		w.Fatalf("a login: %d %s", code, body)
	}
	return bearer(p.Token)
}

// report lets a citizen report an address.
func (w *town) report(c citizen, scenario, ip string) {
	w.Helper()
	now := time.Now().UTC().Format(time.RFC3339)
	body := fmt.Sprintf(`{"signals":[{"address":%q,"scenario":%q,"first":%q,"last":%[3]q,"count":8}]}`, ip, scenario, now)
	code, answer := w.do(c, "POST", "/api/v1/signals", body)
	if code != http.StatusOK || !strings.Contains(answer, `"accepted":1`) {
		w.Fatalf("a report: %d %s", code, answer)
	}
}

// until waits for something to become true.
func (w *town) until(what string, ok func() bool) {
	w.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(90 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-limit:
			w.Fatalf("waited in vain: %s", what)
		}
	}
}

// listed makes members report an address until the list has it.
func (w *town) listed(ip string, by ...citizen) { w.listedFor(sure, ip, by...) }

func (w *town) listedFor(scenario, ip string, by ...citizen) {
	w.Helper()
	for _, c := range by {
		w.report(c, scenario, ip)
	}
	if _, ok := w.centre.List().Get(prefix(ip)); !ok {
		w.Fatalf("%s is not listed after %d reports", ip, len(by))
	}
}

// appeal takes an address off, as its owner can.
func (w *town) appeal(ip string) {
	w.Helper()
	if _, _, err := w.centre.Appeal(w.Context(), community.AppealRequest{Unit: prefix(ip), Proven: true, Text: "it is mine"}); err != nil {
		w.Fatal(err)
	}
}
