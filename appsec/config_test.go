package appsec

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
)

func TestNewChecksItsConfig(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		want string
	}{
		{"no URL", Config{Key: "k"}, "no URL: want one such as http://127.0.0.1:7422"},
		{"no scheme", Config{URL: "127.0.0.1:7422", Key: "k"}, "no scheme: write http://127.0.0.1:7422"},
		{"a bare path", Config{URL: "/run/a.sock", Key: "k"}, "write unix:///run/a.sock"},
		{"two slashes for a socket", Config{URL: "unix://run/a.sock", Key: "k"}, "want three slashes"},
		{"a foreign scheme", Config{URL: "ftp://h", Key: "k"}, `scheme "ftp": want http, https or unix`},
		{"no host", Config{URL: "http://:7422", Key: "k"}, "no host"},
		{"a query", Config{URL: "http://h/?x", Key: "k"}, "it contains a query or fragment"},
		{"a password in the URL", Config{URL: "http://u:hidden@h", Key: "k"}, "it contains a user or password"},
		{"a broken URL", Config{URL: "http://h:hidden/%zz", Key: "k"}, "URL: "},
		{"no key", Config{URL: "http://h"}, "no API key: `cscli bouncers add NAME` makes one"},
		{"a placeholder left over", Config{URL: "http://h", Key: "hidden key"}, "unresolved placeholder"},
		{"an invalid failure", Config{URL: "http://h", Key: "k", OnFailure: lookup.Throttle}, "failure throttle: want none, captcha or ban"},
		{"a fallback that lets pass", Config{URL: "http://h", Key: "k", Fallback: lookup.Throttle}, "fallback throttle: want captcha or ban"},
		{"a negative timeout", Config{URL: "http://h", Key: "k", Timeout: -1}, "is negative: want at least 0"},
		{"a negative timeout of bodies", Config{URL: "http://h", Key: "k", BodyTimeout: -1}, "is negative: want at least 0"},
		{"too high a limit", Config{URL: "http://h", Key: "k", BodyLimit: 65 << 20}, "body limit 68157440: want 1 to 67108864 bytes"},
		{"less memory than one body", Config{URL: "http://h", Key: "k", BodyMemory: 1}, "body memory 1: want at least the body limit"},
		{"a captcha for long bodies", Config{URL: "http://h", Key: "k", BodyOver: lookup.Captcha}, "body over captcha: want none or ban"},
		{"too many at once", Config{URL: "http://h", Key: "k", MaxInFlight: 1 << 30}, "max in flight 1073741824: want 1 to"},
		{"TLS files without TLS", Config{URL: "http://h", Key: "k", TLS: TLS{CA: "ca.pem"}}, "need an https URL"},
		{"a certificate without its key", Config{URL: "https://h", Key: "k", TLS: TLS{Cert: "c.pem"}}, "both a certificate file and a key file"},
		{"a CA that is not there", Config{URL: "https://h", Key: "k", TLS: TLS{CA: "none.pem"}}, "reading the CA: open none.pem"},
		{"h2c and TLS", Config{URL: "https://h", Key: "k", H2C: true}, "h2c is HTTP/2 without TLS"},
	}
	for _, tt := range tests {
		_, err := New(tt.cfg)
		if err == nil || !strings.HasPrefix(err.Error(), "AppSec: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hidden key") || err != nil && strings.Contains(err.Error(), "u:hidden") {
			t.Errorf("%s: a secret in %v", tt.name, err)
		}
	}
}

func TestNewSendsNothing(t *testing.T) {
	if _, err := New(Config{URL: "http://127.0.0.1:1", Key: "k"}); err != nil {
		t.Error(err)
	}
}

func TestTheDefaultPortIsThatOfTheScheme(t *testing.T) {
	for raw, want := range map[string]string{
		"http://h": "h:80", "https://h/waf": "h:443", "http://[2001:db8::1]:7": "[2001:db8::1]:7", "unix:///run/a": "/run/a",
	} {
		if end, err := parseURL(raw); err != nil || end.address != want {
			t.Errorf("%s: %+v, %v", raw, end, err)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "appsec.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{new(appsectest.Server)}
	f.Server.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: f, Protocols: new(http.Protocols)}}
	f.Config.Protocols.SetUnencryptedHTTP2(true)
	f.Config.Protocols.SetHTTP1(true)
	f.Start()
	t.Cleanup(f.Close)
	for _, h2c := range []bool{false, true} {
		c := f.client(t, Config{URL: "unix://" + path, H2C: h2c})
		if v := get(t, c, "/rpc2"); v.Status != 403 {
			t.Errorf("h2c %v: %+v", h2c, v)
		}
	}
}

func TestH2C(t *testing.T) {
	f := &fake{new(appsectest.Server)}
	f.Server.Server = httptest.NewUnstartedServer(f)
	f.Config.Protocols = new(http.Protocols)
	f.Config.Protocols.SetUnencryptedHTTP2(true)
	f.Start()
	t.Cleanup(f.Close)
	c := f.client(t, Config{H2C: true})
	if v := get(t, c, "/"); v != (inspect.Verdict{}) {
		t.Errorf("%+v", v)
	}
	r := httptest.NewRequest("PUT", "/x", strings.NewReader("evil"))
	r.Header["X-A"] = []string{"1", "2: 3"}
	if v := judge(t, c, r, inspect.Details{}); v.Action != lookup.Ban {
		t.Errorf("%+v", v)
	}
	s := f.Last(t, 2)
	if s.Method != "POST" || s.Length != 4 || strings.Join(s.Header["X-A"], ",") != "1,2: 3" || s.Header["User-Agent"] != nil {
		t.Errorf("%+v", s)
	}
	f.CloseClientConnections()
	f.Close()
	if v := get(t, c, "/"); v.Reason != "AppSec is unreachable" {
		t.Errorf("%+v", v)
	}
}

func TestTLSWithACertificate(t *testing.T) {
	a := newAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	a.issue("server", []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth})
	a.issue("bouncer", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth})
	pair, err := tls.LoadX509KeyPair(a.path("server.pem"), a.path("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{new(appsectest.Server)}
	f.Server.Server = httptest.NewUnstartedServer(f)
	f.EnableHTTP2 = true // like CrowdSec; the client uses HTTP/1.1 anyway
	f.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.StartTLS()
	t.Cleanup(f.Close)
	c := f.client(t, Config{TLS: TLS{CA: a.path("ca.pem"), Cert: a.path("bouncer.pem"), KeyFile: a.path("bouncer.key")}})
	for range 2 {
		if v := get(t, c, "/rpc2"); v.Action != lookup.Ban || !v.Answered {
			t.Errorf("%+v", v)
		}
	}
	for name, files := range map[string]TLS{
		"a server that nobody vouches for": {},
		"no certificate":                   {CA: a.path("ca.pem")},
	} {
		c := f.client(t, Config{TLS: files, OnFailure: lookup.Ban})
		if v := get(t, c, "/"); v.Reason != "AppSec is unreachable" || v.Status != 503 {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// authority is a test CA that writes its certificates to a folder.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", nil)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue creates a certificate and writes NAME.pem and NAME.key.
func (a *authority) issue(name string, uses []x509.ExtKeyUsage) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: uses,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: uses == nil,
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der},
		name + ".key": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(a.path(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}
