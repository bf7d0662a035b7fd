package challenge

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/heaptest"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func TestEveryCharacterOfAPassCounts(t *testing.T) {
	c := newClient(t, newGate(t, Config{})).solve()
	changed(c.pass(), func(other string) {
		if c.withPass(other).judge() != Due {
			t.Errorf("%s passes as well as %s", other, c.pass())
		}
	})
}

func TestEveryCharacterOfAChallengeCounts(t *testing.T) {
	c := newClient(t, newGate(t, Config{Bar: -1}))
	token := c.challenged().Token
	solution := c.solution(token)
	changed(token, func(other string) {
		if c.answer(other, solution).status != http.StatusForbidden {
			t.Errorf("%s is solved as well as %s", other, token)
		}
	})
	wantStatus(t, c.answer(token, solution), http.StatusNoContent)
}

// changed calls see with all texts that differ from text in one character (of the
// alphabet, or a line break), or are one character shorter or longer.
func changed(text string, see func(string)) {
	for i := range text {
		for _, other := range alphabet + "\n\r=+/ " {
			if rune(text[i]) != other {
				see(text[:i] + string(other) + text[i+1:])
			}
		}
		see(text[:i] + text[i+1:])
		see(text[:i] + "\n" + text[i:])
	}
	see(text + "=")
	see(text + "A")
}

func TestATokenKeepsMilliseconds(t *testing.T) {
	k := &newKeys(t, secretA).all()[0]
	for _, at := range []time.Time{
		time.UnixMilli(0),
		time.Date(2026, 11, 23, 20, 15, 30, 123_000_000, time.UTC),
		time.UnixMilli(1<<48 - 1),
	} {
		made := k.seal(statement{kind: pass, level: High, now: at.Add(999 * time.Microsecond), ttl: 24 * time.Hour}, &binding{})
		if !made.issued().Equal(at) || !made.expires().Equal(at.Add(24*time.Hour)) {
			t.Errorf("a token made at %v for %v says %v to %v", at, 24*time.Hour, made.issued(), made.expires())
		}
	}
}

func TestPartsOfABindingDoNotRunIntoEachOther(t *testing.T) {
	keys := newKeys(t, secretA)
	made := keys.all()[0].seal(statement{kind: pass}, &binding{host: "ab", agent: "c"})
	for _, other := range []binding{{host: "a", agent: "bc"}, {host: "abc"}, {host: "ab", agent: "c\x00"}, {agent: "abc"}} {
		if keys.open(made, &other) != nil {
			t.Errorf("%+v is taken for another", other)
		}
	}
}

func TestKeysWithTheSameIDAreBothTried(t *testing.T) {
	keys := newKeys(t, secretA, secretB)
	both := keys.all()
	both[1].id = both[0].id
	for i := range both {
		made := both[i].seal(statement{kind: pass}, &binding{})
		if got := keys.open(made, &binding{}); got != &both[i] {
			t.Errorf("a token of key %d is not opened by it", i)
		}
	}
}

func TestAKeyringRefusesWeakSecretsAndStaysAsItWas(t *testing.T) {
	short := bytes.Repeat([]byte("x"), 32-1)
	for name, secrets := range map[string][][]byte{
		"none": nil, "a short one": {short}, "a short one behind a good one": {secretA, short}, "an empty one": {nil},
	} {
		if _, err := NewKeyring(secrets...); err == nil {
			t.Errorf("%s makes a keyring", name)
		} else if strings.Contains(err.Error(), "x") && strings.Contains(err.Error(), string(short)) {
			t.Errorf("%s: the error holds the secret: %v", name, err)
		}
		keys := newKeys(t, secretA)
		before := keys.all()
		if err := keys.Set(secrets...); err == nil || &keys.all()[0] != &before[0] {
			t.Errorf("%s: Set returns %v and may have changed the keys", name, err)
		}
	}
}

func TestASecretIsNotKept(t *testing.T) {
	secret := bytes.Clone(secretA)
	c := newClient(t, newGate(t, Config{Keys: newKeys(t, secret)})).solve()
	clear(secret)
	if c.judge() != Passed {
		t.Error("the keyring changes with the caller's secret")
	}
}

// Invalid tokens, as passes and as answers, use no memory: any stored entry for each
// would exceed wantNoGrowth.
func TestGarbageLeavesNothingBehind(t *testing.T) {
	c := newClient(t, newGate(t, Config{Bar: 1}))
	good := c.challenged().Token
	r := c.request("GET", "")
	before := heaptest.Bytes()
	for i := range 100_000 {
		garbage := []byte(good)
		for j := range 8 {
			garbage[20+j] = alphabet[i>>(3*j)&63]
		}
		r.Header["Cookie"] = []string{secureCookie4 + "=" + string(garbage)}
		if c.gate.Judge(r, c.visitor()) != Due {
			t.Fatalf("%s passes", garbage)
		}
		if i%5 == 0 {
			if res := c.answer(string(garbage), ""); res.status != http.StatusForbidden {
				t.Fatalf("the answer to %s is %d", garbage, res.status)
			}
		}
	}
	wantNoGrowth(t, before, c.gate.memory)
}

func TestChallengesThatAreSentLeaveNothingBehind(t *testing.T) {
	c := newClient(t, newGate(t, Config{Wait: 5 * time.Second}))
	before := heaptest.Bytes()
	for i := range 30_000 {
		c.addr = networkAddr(i)
		c.challenged()
	}
	wantNoGrowth(t, before, c.gate.memory)
}

func wantNoGrowth(t *testing.T, before int64, m *Memory) {
	t.Helper()
	if after := heaptest.Bytes(); after > before+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	for k := range m.spent {
		if n := len(m.spent[k].young) + len(m.spent[k].old); n > 0 {
			t.Errorf("%d challenges of kind %d are kept", n, k)
		}
	}
	if n := m.scores.len() + m.idle.len(); n > 0 {
		t.Errorf("%d scores and passes are kept", n)
	}
}

func FuzzToken(f *testing.F) {
	keys, err := NewKeyring(secretA)
	if err != nil {
		f.Fatal(err)
	}
	b := binding{host: "shop.example", agent: "x"}
	// The same key in every process of the fuzzing.
	k := &keys.all()[0]
	made := token{0: version, 1: k.id, 2: byte(pass), 3: byte(Medium), 9: 1, 12: 60, 16: 7}
	copy(made[headerSize:], k.tag(&made, &b))
	f.Add(made.String())
	f.Add("")
	f.Add(strings.Repeat("_", tokenChars))
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseToken(text)
		if !ok {
			return
		}
		if again := got.String(); again != text {
			t.Errorf("%q and %q are the same token", text, again)
		}
		if keys.open(got, &b) != nil && got != made {
			t.Errorf("%q was not made by the key, which opens it", text)
		}
		if got.expires().Before(got.issued()) {
			t.Errorf("%q expires before it is issued", text)
		}
	})
}
