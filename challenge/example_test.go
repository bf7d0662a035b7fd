package challenge_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
)

// A gate in front of a handler, for clients with a captcha decision. Package middleware
// does the same, and also finds the decisions.
func Example() {
	keys, err := challenge.NewKeyring(make([]byte, 32)) // 32 random bytes, the same on all servers of a site
	if err != nil {
		log.Fatal(err)
	}
	gate, err := challenge.New(challenge.Config{Keys: keys})
	if err != nil {
		log.Fatal(err)
	}
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := challenge.Visitor{Addr: netip.MustParseAddr("192.0.2.7"), Since: time.Now().Add(-time.Minute), Time: time.Now()}
		if gate.Answering(r) {
			gate.Answer(w, r, v, true)
			return
		}
		switch gate.Judge(r, v) {
		case challenge.Passed:
			_, _ = io.WriteString(w, "Welcome.")
		case challenge.Exempt:
			e, _ := gate.Exempt(w, r)
			_, _ = io.WriteString(e, "Welcome.")
			if e.Close() {
				gate.Challenge(w, r, v)
			}
		case challenge.Barred:
			http.Error(w, "Too many attempts.", http.StatusForbidden)
		default:
			gate.Challenge(w, r, v)
		}
	})

	for _, path := range []string{"/", "/robots.txt"} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, w.Code)
	}
	// Output:
	// / 403
	// /robots.txt 200
}

// Cloudflare's Turnstile instead of the embedded challenge. The embedded challenge
// replaces it when it fails.
func ExampleNewSiteVerify() {
	turnstile, err := challenge.NewSiteVerify(challenge.SiteVerifyConfig{
		Service:   challenge.Turnstile,
		SiteKey:   os.Getenv("TURNSTILE_SITE_KEY"),
		Secret:    os.Getenv("TURNSTILE_SECRET"),
		Hostnames: []string{"example.com", "www.example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	secret, err := hex.DecodeString(os.Getenv("CHALLENGE_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := challenge.NewKeyring(secret)
	if err != nil {
		log.Fatal(err)
	}
	gate, err := challenge.New(challenge.Config{
		Keys:     keys,
		Provider: turnstile,
		Failed:   func(err error) { log.Print("turnstile: ", err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	_ = gate // for middleware.Config
}
