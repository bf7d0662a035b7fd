// Package challengetest solves challenges like the script in their page, for tests
// without a browser.
package challengetest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Header is the one that an answer to a challenge has its token in.
const Header = "X-Tocsin-Answer"

// mostWork is how far is searched: to the end of the hardest level's range.
const mostWork = 8_000_000

// An Answer is what a visitor sends that has solved a challenge.
type Answer struct {
	Token string // for Header
	Body  string
}

// Solve solves the challenge in a page.
func Solve(page string) (Answer, error) {
	_, script, ok := strings.Cut(page, "const d=")
	if !ok {
		return Answer{}, errors.New("there is no challenge in the page")
	}
	var d struct {
		Token  string          `json:"token"`
		Puzzle json.RawMessage `json:"puzzle"`
	}
	if err := json.NewDecoder(strings.NewReader(script)).Decode(&d); err != nil {
		return Answer{}, fmt.Errorf("reading the challenge: %w", err)
	}
	body, err := search(d.Puzzle)
	return Answer{d.Token, body}, err
}

// search returns the solution of a puzzle in the form of ALTCHA, version 2.
func search(puzzle json.RawMessage) (string, error) {
	var p struct {
		Parameters struct{ Salt, Nonce, KeyPrefix string } `json:"parameters"`
	}
	if err := json.Unmarshal(puzzle, &p); err != nil {
		return "", fmt.Errorf("reading the puzzle: %w", err)
	}
	text, err := hex.DecodeString(p.Parameters.Salt + p.Parameters.Nonce)
	if err != nil {
		return "", fmt.Errorf("reading the puzzle: %w", err)
	}
	at := len(text)
	text = append(text, 0, 0, 0, 0)
	prefix, err := hex.DecodeString(p.Parameters.KeyPrefix)
	if err != nil || len(prefix) == 0 {
		return "", fmt.Errorf("reading the puzzle: no prefix: %w", err)
	}
	for counter := range uint32(mostWork) {
		binary.BigEndian.PutUint32(text[at:], counter)
		key := sha256.Sum256(text)
		if string(key[:len(prefix)]) != string(prefix) {
			continue
		}
		payload, err := json.Marshal(map[string]any{
			"challenge": puzzle,
			"solution":  map[string]any{"counter": counter, "derivedKey": hex.EncodeToString(key[:])},
		})
		return base64.StdEncoding.EncodeToString(payload), err
	}
	return "", errors.New("the puzzle has no solution")
}

// Request returns the request that answers a challenge for a URL.
func (a Answer) Request(url string) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(a.Body)) //nolint:noctx // a test's, which ends with it
	if err != nil {
		return nil, err
	}
	r.Header.Set(Header, a.Token)
	r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	return r, nil
}
