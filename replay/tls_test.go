package replay

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// shellLine is a line of Caddy's in which a browser asks for a web shell. FIELDS and TLS
// are to be filled in.
const shellLine = `{"ts":1760104536.25,"logger":"http.log.access","msg":"handled request","request":{"client_ip":"192.0.2.7","proto":"HTTP/1.1",` +
	`"method":"GET","host":"example.com","uri":"/c99.php?1","headers":{"User-Agent":["Mozilla/5.0 (X11; Linux x86_64; rv:145.0)"],` +
	`"Accept":["*/*"],FIELDS"Accept-Language":["de"]}TLS},"duration":0,"size":12,"status":404,"resp_headers":{"X-Amz-Request-Id":["x"]}}`

func shell(fields, tls string) string {
	return strings.NewReplacer("FIELDS", fields, "TLS", tls).Replace(shellLine)
}

const overTLS = `,"tls":{"resumed":false,"version":772}`

// A log that tells of TLS, or of its absence, says whose act a request is as the server
// that wrote it did.
func TestWhoseActALogTells(t *testing.T) {
	for _, row := range []struct {
		name, line string
		want       event.Attribution
	}{
		{"over plain HTTP", shell("", ""), event.Unmarked},
		{"over TLS", shell("", overTLS), event.Own},
		{"over TLS that ended at a proxy", shell(`"X-Forwarded-Proto":["https"],`, ""), event.Own},
		{"over plain HTTP, by way of a proxy", shell(`"X-Forwarded-Proto":["http"],`, ""), event.Unmarked},
		{"TLS that is null", shell("", `,"tls":null`), event.Unmarked},
		{"over plain HTTP, from another page", shell(`"Referer":["http://other.example/"],`, ""), event.Foreign},
		{"by a program", strings.Replace(shell("", ""), "Mozilla/5.0 (X11", "curl/8 (X11", 1), event.Own},
		{"by a program that accepts no language", strings.Replace(shell("", ""), `"Accept-Language":["de"]`, `"X":["de"]`, 1), event.Own},
		{"over TLS, prefetched", shell(`"Sec-Fetch-Site":["same-origin"],"Sec-Purpose":["prefetch"],`, overTLS), event.Embedded},
		{"prefetched by Safari", shell(`"Purpose":["prefetch"],`, overTLS), event.Embedded},
		{"a trace, which does not tell", `{"t":0,"m":"GET","u":"/c99.php","s":404,"h":{"User-Agent":"Mozilla/5.0 (X11)","Accept":"*/*","Accept-Language":"de"}}`, event.Own},
		{"a combined log, which does not tell", `192.0.2.7 - - [10/Oct/2026:13:55:01 +0000] "GET /c99.php HTTP/1.1" 404 1 "-" "Mozilla/5.0 (X11)"`, event.Own},
	} {
		if got := one(t, row.line).Attribution; got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// What a browser sends over plain HTTP may be another page's doing, and leads to a
// challenge.
func TestPlainHTTPLeadsBrowsersToAChallenge(t *testing.T) {
	for tls, want := range map[string]string{"": "0 1", overTLS: "1 0"} {
		log := shell("", tls) + "\n" + strings.Replace(shell("", tls), "?1", "?2", 1) + "\n"
		rep := run(t, log, Config{Judge: builtin(t)})
		if got := fmt.Sprint(rep.Banned, rep.Challenged); got != want {
			t.Errorf("tls %q: banned and challenged %s, want %s", tls, got, want)
		}
	}
}

// Scenarios see the fields of headers that they see while a server runs.
func TestFieldsThatServersKeep(t *testing.T) {
	e := one(t, shell(`"Authorization":["a"],"Content-Type":["b"],"X-Api-Key":["c"],"X-Other":["d"],`, ""))
	for _, name := range []string{"Authorization", "Content-Type", "X-Api-Key", "Accept-Language"} {
		if e.Request.Get(name) == "" {
			t.Errorf("%s is not there", name)
		}
	}
	if e.Request.Get("X-Other") != "" || e.Header.Get("X-Amz-Request-Id") != "x" {
		t.Errorf("%v, %v", e.Request, e.Header)
	}
	for _, name := range append(event.RequestFields(), event.ResponseFields()...) {
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%s is not how logs write it", name)
		}
	}
}
