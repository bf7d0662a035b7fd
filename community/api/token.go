package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tocsin-project/tocsin/community"
)

// Tokens are JSON web tokens, because CrowdSec engines read their expiry. They have no
// organization claim, which would make an engine look for CrowdSec's console. No server stores
// them: they are valid on all servers with the same secret, also after a restart.
const (
	tokenLife = time.Hour
	maxToken  = 4 << 10 // bytes, several times as many as a token has
)

// linkLife is the least time for which an engine's link to a list is valid. The engine uses it
// at once.
const linkLife = time.Hour

// A mint makes tokens and links, and checks them.
type mint struct {
	signer jose.Signer
	tokens []byte
	links  []byte
}

// newMint returns a mint. It has a key for each use, so that a signature for one use is not
// valid for another.
func newMint(derive func(label string) []byte) (*mint, error) {
	m := &mint{tokens: derive("api tokens"), links: derive("api links")}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: m.tokens}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("making tokens: %w", err)
	}
	m.signer = signer
	return m, nil
}

// claims are the claims of CrowdSec's own tokens.
type claims struct {
	jwt.Claims

	ID    string `json:"id"`    // the login
	Proof string `json:"proof"` // of the account when it got the token
}

// token returns a token for an account, and its expiry.
func (m *mint) token(by *community.Caller, now time.Time) (string, time.Time, error) {
	until := now.Add(tokenLife)
	c := claims{ID: by.Login, Proof: by.Proof}
	c.IssuedAt, c.Expiry = jwt.NewNumericDate(now), jwt.NewNumericDate(until)
	token, err := jwt.Signed(m.signer).Claims(c).Serialize()
	if err != nil {
		return "", until, fmt.Errorf("making a token: %w", err)
	}
	return token, until, nil
}

// isToken reports whether credentials have the form of a token. Keys have no dots.
func isToken(s string) bool { return strings.Count(s, ".") == 2 }

// open returns the login and the proof of a valid token.
func (m *mint) open(token string, now time.Time) (login, proof string, ok bool) {
	if len(token) > maxToken {
		return "", "", false
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return "", "", false
	}
	var c claims
	if parsed.Claims(m.tokens, &c) != nil || c.Expiry == nil || c.ID == "" {
		return "", "", false
	}
	return c.ID, c.Proof, now.Before(c.Expiry.Time())
}

// link returns a query that gives access to one path. It identifies no one, and is the same for
// all callers for some time, so that all engines get the same answer.
func (m *mint) link(path string, now time.Time) url.Values {
	until := strconv.FormatInt(now.Truncate(linkLife).Add(2*linkLife).Unix(), 10)
	return url.Values{"until": {until}, "sign": {m.sign(path, until)}}
}

func (m *mint) sign(path, until string) string {
	mac := hmac.New(sha256.New, m.links)
	fmt.Fprintf(mac, "%q %q", path, until)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// linked reports whether a query is a valid link to the path.
func (m *mint) linked(path string, q url.Values, now time.Time) bool {
	until := q.Get("until")
	if !hmac.Equal([]byte(q.Get("sign")), []byte(m.sign(path, until))) {
		return false
	}
	end, err := strconv.ParseInt(until, 10, 64)
	return err == nil && now.Unix() < end
}

// bucket returns one of 256 names for a network. The name does not reveal the network.
func (m *mint) bucket(p netip.Prefix) string {
	mac := hmac.New(sha256.New, m.links)
	fmt.Fprintf(mac, "bucket %s", p)
	return hex.EncodeToString(mac.Sum(nil)[:1])
}
