package challenge

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/http"
	"testing"
	"time"
)

// altchaChallenge is a challenge as ALTCHA's solvers read it.
type altchaChallenge struct {
	Parameters struct {
		Algorithm string `json:"algorithm"`
		Cost      int    `json:"cost"`
		ExpiresAt int64  `json:"expiresAt"`
		KeyLength int    `json:"keyLength"`
		KeyPrefix string `json:"keyPrefix"`
		Nonce     string `json:"nonce"`
		Salt      string `json:"salt"`
	} `json:"parameters"`
	Signature string `json:"signature"`
}

// search solves a challenge like a browser or a bot: it tries counters until one fits,
// and knows only the challenge.
func (a *altchaChallenge) search(t *testing.T) solution {
	t.Helper()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	p := a.Parameters
	in := append(unhex(p.Salt), unhex(p.Nonce)...)
	at, prefix := len(in), unhex(p.KeyPrefix)
	in = append(in, 0, 0, 0, 0)
	for counter := range uint32(math.MaxUint32) {
		binary.BigEndian.PutUint32(in[at:], counter)
		if sum := sha256.Sum256(in); bytes.HasPrefix(sum[:], prefix) {
			return solution{counter, hex.EncodeToString(sum[:p.KeyLength])}
		}
	}
	t.Fatal("there is no solution")
	return solution{}
}

func TestAPuzzleIsSolvedByWorkAlone(t *testing.T) {
	c := newClient(t, newGate(t, Config{Level: Low}))
	asked := c.challenged()
	var challenge altchaChallenge
	decoder := json.NewDecoder(bytes.NewReader(asked.Puzzle))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&challenge); err != nil {
		t.Fatal(err)
	}
	p := challenge.Parameters
	made, _ := parseToken(asked.Token)
	if p.Algorithm != "SHA-256" || p.Cost != 1 || p.KeyLength != 32 || p.ExpiresAt != made.expires().Unix() || len(p.KeyPrefix) != 32 {
		t.Errorf("the parameters are %+v", p)
	}
	found := challenge.search(t)
	text, err := json.Marshal(map[string]any{
		"challenge": json.RawMessage(asked.Puzzle),
		"solution":  map[string]any{"counter": found.Counter, "derivedKey": found.DerivedKey, "time": 12.3},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, c.answer(asked.Token, base64.StdEncoding.EncodeToString(text)), http.StatusNoContent)
}

func TestAPuzzleIsInTheCanonicalForm(t *testing.T) {
	asked := newClient(t, newGate(t, Config{})).challenged()
	var all map[string]any
	if err := json.Unmarshal(asked.Puzzle, &all); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(sorted, asked.Puzzle) {
		t.Errorf("the challenge is %s; in the order of its names %s", asked.Puzzle, sorted)
	}
}

// The puzzle in a client's answer is ignored: it may be another puzzle, whose solution
// the client knows.
func TestTheClientsCopyOfAPuzzleIsNotTrusted(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	asked := c.challenged()
	easy := puzzle{counter: 7}
	easy.answer = easy.try(7)
	k := &c.gate.keys.all()[0]
	made, _ := parseToken(asked.Token)
	text, err := json.Marshal(map[string]any{
		"challenge": json.RawMessage(k.marshal(&easy, made)),
		"solution":  solution{7, hex.EncodeToString(easy.answer[:])},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, c.answer(asked.Token, base64.StdEncoding.EncodeToString(text)), http.StatusForbidden)
}

func TestAPuzzleFollowsFromItsTokenAndKey(t *testing.T) {
	keys := newKeys(t, secretA, secretB).all()
	one := keys[0].seal(statement{kind: embedded, level: Medium}, &binding{})
	other := keys[0].seal(statement{kind: embedded, level: Medium}, &binding{})
	p := keys[0].pose(one)
	if p != keys[0].pose(one) {
		t.Error("the same token has two puzzles")
	}
	if q := keys[0].pose(other); p.salt == q.salt || p.nonce == q.nonce {
		t.Error("two tokens have the same puzzle")
	}
	if q := keys[1].pose(one); p.salt == q.salt || p.nonce == q.nonce || p.counter == q.counter {
		t.Error("a puzzle can be known without its key")
	}
}

// The counters of a level are spread evenly over its span: the mean work is half of it,
// no counter is outside, and none is much more likely than others.
func TestTheWorkIsWhatTheLevelSays(t *testing.T) {
	const draws, bins = 5000, 20
	k := &newKeys(t, secretA).all()[0]
	for _, tt := range []struct {
		kind  kind
		level Level
		span  float64
	}{
		{embedded, Low, 500_000},
		{embedded, Medium, 2_000_000},
		{embedded, High, 8_000_000},
		{boxed, Low, 31_250},
		{boxed, Medium, 125_000},
		{boxed, High, 500_000},
	} {
		var sum float64
		var counts [bins]float64
		for range draws {
			made := k.seal(statement{kind: tt.kind, level: tt.level, now: time.Now(), ttl: 5 * time.Minute}, &binding{})
			counter := float64(k.pose(made).counter)
			if counter >= tt.span {
				t.Fatalf("kind %d, level %d: counter %v is beyond %v", tt.kind, tt.level, counter, tt.span)
			}
			sum += counter
			counts[int(counter/tt.span*bins)]++
		}
		// The mean of that many draws differs by more than five standard deviations
		// once in a million times.
		mean, deviation := sum/draws, tt.span/math.Sqrt(12*draws)
		if math.Abs(mean-tt.span/2) > 5*deviation {
			t.Errorf("kind %d, level %d: the mean work is %.0f; want %.0f ± %.0f", tt.kind, tt.level, mean, tt.span/2, 5*deviation)
		}
		chi := 0.0
		for _, n := range counts {
			chi += (n - draws/bins) * (n - draws/bins) / (draws / bins)
		}
		if chi > 60 { // with 19 degrees of freedom: once in 240 thousand times
			t.Errorf("kind %d, level %d: chi-square is %.1f: the counters are not spread evenly: %v", tt.kind, tt.level, chi, counts)
		}
	}
}

func FuzzSolution(f *testing.F) {
	k := &newKeys(f, secretA).all()[0]
	p := k.pose(k.seal(statement{kind: embedded, level: Low}, &binding{}))
	right := solution{p.counter, hex.EncodeToString(p.answer[:])}
	f.Add([]byte(payload(right)))
	f.Add([]byte(payload(solution{0, "00"})))
	f.Add([]byte("e30="))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := parseSolution(text)
		if !ok {
			return
		}
		if again, ok := parseSolution([]byte(payload(got))); !ok || again != got {
			t.Errorf("%+v comes back as %+v", got, again)
		}
		if p.solvedBy(got) && got != right {
			t.Errorf("%+v is taken for the solution", got)
		}
	})
}
