package member

import (
	"context"
	"errors"
	"fmt"

	"github.com/tocsin-project/tocsin/community/protocol"
)

// A Joining asks a centre for a key. URL, Invitation and Name are required.
type Joining struct {
	URL        string
	Invitation string
	Name       string // of this server, for the operator of the centre
	Terms      string // version of the accepted terms; empty: ask for the current terms
	CA         string // as in Config
	Plain      bool   // as in Config
	Agent      string // as in Config
}

// A Joined is the answer of a centre. Without a Key, the operator must first accept the terms.
type Joined struct {
	Key, Login      string
	Terms, TermsURL string
	Community       string // its name
}

// Join exchanges an invitation for a key.
func Join(ctx context.Context, j Joining) (Joined, error) {
	l, err := newLink(Config{URL: j.URL, CA: j.CA, Plain: j.Plain, Agent: j.Agent}.withDefaults())
	if err != nil {
		return Joined{}, err
	}
	defer l.http.CloseIdleConnections()
	var a protocol.JoinAnswer
	request := protocol.JoinRequest{Invitation: j.Invitation, Name: j.Name, Terms: j.Terms, Agent: l.agent}
	if err := l.post(ctx, "join", request, &a); err != nil {
		return Joined{}, fmt.Errorf("joining %s: %w", l.host, joinError(err))
	}
	if a.Key != "" {
		if err := checkKey(a.Key); err != nil {
			return Joined{}, fmt.Errorf("joining %s: %w", l.host, err)
		}
	}
	return Joined{Key: a.Key, Login: cut(a.Login), Terms: cut(a.Terms), TermsURL: cut(a.TermsURL), Community: cleanName(a.Name)}, nil
}

// joinError says what to do if the centre refuses an invitation.
func joinError(err error) error {
	if hasCode(err, 401, 403) {
		return errors.New("the community does not accept the invitation: it may be used already, or too old. Ask for a new one")
	}
	return err
}
