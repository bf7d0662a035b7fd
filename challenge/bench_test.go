package challenge

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"testing"
	"time"
)

// Judge runs for every request of a client that has solved a challenge.
func TestJudgingAPassAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c := newClient(t, newGate(t, Config{})).solve()
	c.cookie = "session=0123456789abcdef; " + c.cookie + "; theme=dark"
	r, v := c.request("GET", ""), c.visitor()
	if n := testing.AllocsPerRun(100, func() {
		if c.gate.Judge(r, v) != Passed {
			t.Fatal("the pass does not count")
		}
	}); n > 10 {
		t.Errorf("Judge allocates %v times; want at most 10", n)
	}
}

func BenchmarkJudge(b *testing.B) {
	due := newClient(b, newGate(b, Config{}))
	passed := due.solve()
	passed.cookie = "session=0123456789abcdef; " + passed.cookie
	for name, c := range map[string]client{"passed": passed, "due": due} {
		r, v := c.request("GET", ""), c.visitor()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.gate.Judge(r, v)
			}
		})
	}
	// The worst case: a header with a thousand live passes with wrong tags.
	forged := due
	k := key{id: forged.gate.keys.all()[0].id, token: make([]byte, 32)}
	for range 1000 {
		forged.cookie += secureCookie4 + "=" + k.seal(statement{kind: pass, level: High, now: time.Now(), ttl: time.Hour}, new(binding)).String() + "; "
	}
	b.Run("a thousand forged", func(b *testing.B) {
		r, v := forged.request("GET", ""), forged.visitor()
		b.ReportAllocs()
		for b.Loop() {
			if forged.gate.Judge(r, v) != Due {
				b.Fatal("a forged pass counts")
			}
		}
	})
	// For comparison: one signature of the same length.
	b.Run("HMAC alone", func(b *testing.B) {
		message := make([]byte, 150)
		b.ReportAllocs()
		for b.Loop() {
			mac := hmac.New(sha256.New, secretA)
			mac.Write(message)
			mac.Sum(nil)
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	c := newClient(b, newGate(b, Config{}))
	r := c.request("GET", "")
	b.ReportAllocs()
	for b.Loop() {
		c.gate.issue(r, challengeFor{Visitor: c.visitor()})
	}
}

func BenchmarkWrongAnswer(b *testing.B) {
	c := newClient(b, newGate(b, Config{}))
	token := c.challenged().Token
	wrong := payload(solution{1, ""})
	b.ReportAllocs()
	for b.Loop() {
		if c.answer(token, wrong).status != http.StatusForbidden {
			b.Fatal("a wrong answer is taken")
		}
	}
}

// Each request with a pass checks whether the pass is new. This measures many at once,
// while another client's pass is unused. A whole Judge takes a few microseconds.
func BenchmarkUseInParallel(b *testing.B) {
	for _, row := range []struct {
		name string
		idle int
	}{{"all passes used", 0}, {"one not used", 1}, {"a thousand not used", 1000}} {
		b.Run(row.name, func(b *testing.B) {
			var m Memory
			for n := range row.idle {
				m.countLocked(numbered(pass, n).nonce(), solverNumber(n), usual, time.Now())
			}
			mine := numbered(pass, 1<<20).nonce()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					m.use(mine)
				}
			})
		})
	}
}
