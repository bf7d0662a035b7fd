package challenge

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"strconv"
)

// A puzzle asks a browser for the counter for which SHA-256(salt ‖ nonce ‖ counter)
// begins with the first half of answer. It follows from its token and the key, so the
// gate need not store the puzzles that it sent.
type puzzle struct {
	salt, nonce [16]byte
	counter     uint32
	answer      [sha256.Size]byte
}

// span returns the number of possible counters for t. All are equally likely. Otherwise
// a client could fetch many puzzles and solve only the cheap ones.
func span(t token) uint64 {
	var n uint64
	switch t.level() {
	case Low:
		n = 500_000
	case Medium:
		n = 2_000_000
	default:
		n = 8_000_000
	}
	if t.kind() == boxed {
		n /= slowness
	}
	return n
}

// slowness is about how many hashes the embedded solver computes while ALTCHA's widget
// computes one. The widget calls the browser's asynchronous digest for each.
const slowness = 16

// pose returns the puzzle of t.
func (k *key) pose(t token) (p puzzle) {
	mac := hmac.New(sha512.New, k.puzzle)
	mac.Write(t[:])
	var sum [sha512.Size]byte
	mac.Sum(sum[:0])
	copy(p.salt[:], sum[:16])
	copy(p.nonce[:], sum[16:32])
	counter, _ := bits.Mul64(binary.BigEndian.Uint64(sum[32:]), span(t))
	p.counter = uint32(counter)
	p.answer = p.try(p.counter)
	return p
}

// try returns the hash for counter.
func (p *puzzle) try(counter uint32) [sha256.Size]byte {
	var in [36]byte
	copy(in[:], p.salt[:])
	copy(in[16:], p.nonce[:])
	binary.BigEndian.PutUint32(in[32:], counter)
	return sha256.Sum256(in[:])
}

// marshal returns the puzzle of t as an ALTCHA challenge, version 2, like altcha-lib
// 2.8.0: the parameters are sorted by name and signed. The format requires this
// signature; the gate itself relies on the token's tag.
func (k *key) marshal(p *puzzle, t token) []byte {
	const open, between = `{"parameters":`, `,"signature":"`
	out := make([]byte, 0, 512)
	out = append(out, open...)
	out = append(out, `{"algorithm":"SHA-256","cost":1,"expiresAt":`...)
	out = strconv.AppendInt(out, t.expires().Unix(), 10)
	out = append(out, `,"keyLength":32,"keyPrefix":"`...)
	out = hex.AppendEncode(out, p.answer[:len(p.answer)/2])
	out = append(out, `","nonce":"`...)
	out = hex.AppendEncode(out, p.nonce[:])
	out = append(out, `","salt":"`...)
	out = hex.AppendEncode(out, p.salt[:])
	out = append(out, `"}`...)
	mac := hmac.New(sha256.New, k.puzzle)
	mac.Write(out[len(open):])
	out = append(out, between...)
	out = hex.AppendEncode(out, mac.Sum(nil))
	return append(out, `"}`...)
}

// A solution is a browser's answer to a puzzle.
type solution struct {
	Counter    uint32 `json:"counter"`
	DerivedKey string `json:"derivedKey"`
}

// parseSolution reads the payload of ALTCHA's solvers. It ignores the puzzle in it,
// because a client could have changed that.
func parseSolution(payload []byte) (s solution, ok bool) {
	text := make([]byte, base64.StdEncoding.DecodedLen(len(payload)))
	n, err := base64.StdEncoding.Decode(text, payload)
	if err != nil {
		return s, false
	}
	var all struct {
		Solution *solution `json:"solution"`
	}
	if json.Unmarshal(text[:n], &all) != nil || all.Solution == nil {
		return s, false
	}
	return *all.Solution, true
}

// solvedBy reports whether s is the solution: its counter and the derived key must both
// be right.
func (p *puzzle) solvedBy(s solution) bool {
	want := hex.EncodeToString(p.answer[:])
	return s.Counter == p.counter && subtle.ConstantTimeCompare([]byte(want), []byte(s.DerivedKey)) == 1
}
