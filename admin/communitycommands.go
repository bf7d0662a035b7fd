package admin

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/user"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// newCommunity returns the command community, with all commands about the centre of a
// community below it.
func newCommunity() caddycmd.Command {
	return caddycmd.Command{
		Name: "community", Short: "Manages the centre of a community", Usage: "<command>",
		Long: `
The command join makes this server a member. All others ask the admin API of the
server that has the directive tocsin_community in its config.

What these commands do goes into the audit log, with the name of the user.`,
		CobraFunc: func(group *cobra.Command) {
			group.AddCommand(newJoin())
			for _, c := range append(membershipCommands(), listingCommands()...) {
				registered := c.register()
				cmd := &cobra.Command{Use: registered.Name + " " + registered.Usage, Short: registered.Short, Long: registered.Long}
				registered.CobraFunc(cmd)
				cmd.Flags().String("community", "", "Name of the community, if the config has several")
				cmd.Flags().String("by", "", "Who acts, for the audit log; default: the user")
				group.AddCommand(cmd)
			}
		},
	}
}

func membershipCommands() []command {
	return []command{
		{
			name: "invite", usage: "<name> [--operator <name>] [--role member|reader] [--vouched] [--for <duration>] ", short: "Invites somebody to be a member",
			long: `
Prints a code that somebody becomes a member with:

    tocsin community join https://blocklist.example.org <code>

Accounts of one operator have one vote. A member that is vouched for counts at once;
another one must first earn trust, for 30 days or more. A reader only reads the list.`,
			args: cobra.ExactArgs(1), flags: inviteFlags, run: (*call).communityInvite,
		},
		{
			name: "invitations", short: "Lists invitations", long: `
Lists the invitations, and which were used.`,
			args: cobra.NoArgs, run: communityDo[CommunityInvitations](http.MethodGet, "invitations"),
		},
		{
			name: "members", short: "Lists the members and how much they are trusted", long: `
Lists the members: how much each is trusted and why, how much they reported in 14
days, and how much of it others confirmed.`,
			args: cobra.NoArgs, run: communityDo[CommunityMembers](http.MethodGet, "members"),
		},
		{
			name: "member", usage: "<login> active|vouched|suspended [--reason <text>] ", short: "Changes the state of a member", long: `
Suspends a member, so that nothing it reports counts, vouches for it, so that it
counts at once, or takes either back. Make a suspended member active before you vouch
for it.`,
			args: cobra.ExactArgs(2), flags: reasonFlag, run: communityDo[CommunityDone](http.MethodPost, "members/change", "login", "state"),
		},
		{
			name: "key", usage: "<login> ", short: "Gives a member a new key", long: `
Prints a new API key for a member that has lost its key, or whose key is known to
others. The old key, or the password, ends at once. The member keeps its standing.`,
			args: cobra.ExactArgs(1), run: communityDo[CommunityKey](http.MethodPost, "members/key", "login"),
		},
		{
			name: "void", usage: "[--login <login>] [--hash <sha256>] --reason <text> ", short: "Takes reports back", long: `
Takes back all reports of a member, of a scenario with this hash, or of both, and
judges again what they are about.`,
			args: cobra.NoArgs, flags: voidFlags, run: communityDo[CommunityDone](http.MethodPost, "void"),
		},
		{
			name: "audit", usage: "[--after <number>] [--limit <n>] ", short: "Shows the audit log", long: `
Shows who did what to which address or member. No entry can be changed afterwards.`,
			args: cobra.NoArgs, flags: auditFlags, run: communityDo[CommunityAudit](http.MethodGet, "audit"),
		},
		{
			name: "export", short: "Prints what a supervisory authority asks for", long: `
Prints the kinds of data that the centre has, and how many of each, as JSON. It names
no member.`,
			args: cobra.NoArgs, run: (*call).communityExport,
		},
	}
}

func listingCommands() []command {
	return []command{
		{
			name: "listings", usage: "[--limit <n>] ", short: "Lists what the community lists", long: `
Lists the addresses that members block or challenge, the surest first: a surety of
1.50 is half as much again as a listing takes.`,
			args: cobra.NoArgs, flags: limitFlag, run: communityDo[CommunityListings](http.MethodGet, "listings"),
		},
		{
			name: "explain", usage: "<address> ", short: "Explains why an address is listed, or is not", long: `
Shows all that is stored about an address, but not who reported it. The look-up goes
into the audit log.`,
			args: cobra.ExactArgs(1), run: communityDo[CommunityExplanation](http.MethodGet, "explain", "address"),
		},
		{
			name: "delist", usage: "<address> --reason <text> ", short: "Takes an address off the list", long: `
Takes an address off the list, as an appeal does: what was seen up to now does not
list it again.`,
			args: cobra.ExactArgs(1), flags: reasonFlag, run: communityDo[CommunityDone](http.MethodDelete, "listings", "address"),
		},
		{
			name: "delist-of", usage: "<login> --reason <text> ", short: "Takes off the list what a member reported", long: `
Takes all addresses off the list that a member, or one of the same operator, reported.`,
			args: cobra.ExactArgs(1), flags: reasonFlag, run: communityDo[CommunityDone](http.MethodDelete, "listings", "login"),
		},
		{
			name: "appeals", usage: "[--all] [--limit <n>] ", short: "Lists appeals and other cases", long: `
Lists the cases that a moderator has to decide, those due first at the front.`,
			args: cobra.NoArgs, flags: casesFlags, run: communityDo[CommunityCases](http.MethodGet, "cases"),
		},
		{
			name: "decide", usage: "<id> upheld|goodwill|rejected --reason <text> ", short: "Decides a case", long: `
Decides a case. "upheld" ends the listing and costs each member that reported the
address trust. "goodwill" ends the listing only. "rejected" needs a reason.

The operator of a member that reported the address cannot decide about it: the name of
the user, or --by, is compared with the --operator of the invitation.`,
			args: cobra.ExactArgs(2), flags: reasonFlag, run: communityDo[communityCase](http.MethodPost, "cases", "id", "outcome"),
		},
		{
			name: "freeze", usage: "on|off [--reason <text>] ", short: "Stops additions to the list, or allows them again", long: `
With "on", nothing is added to the list. What ends or is taken off goes on as usual.`,
			args: cobra.ExactArgs(1), flags: reasonFlag, run: (*call).communityFreeze,
		},
		{
			name: "rollback", usage: "<time>|<duration> --reason <text> ", short: "Takes off all that was added to the list since a time", long: `
Freezes the list, and takes off what was added since a time, such as
2026-06-01T10:00:00Z, or in the last hours, such as 2h. Take wrong reports back before
you end the freeze: it adds all addresses again that enough members still report.`,
			args: cobra.ExactArgs(1), flags: reasonFlag, run: communityDo[communityRolledBack](http.MethodPost, "rollback", "to"),
		},
	}
}

func reasonFlag(cmd *cobra.Command) { cmd.Flags().String("reason", "", "Why, for the audit log") }
func limitFlag(cmd *cobra.Command)  { cmd.Flags().Int("limit", defaultLimit, "Maximum number to show") }

func voidFlags(cmd *cobra.Command) {
	reasonFlag(cmd)
	cmd.Flags().String("login", "", "Reports of this member")
	cmd.Flags().String("hash", "", "Reports of the scenario with this SHA-256")
}

func auditFlags(cmd *cobra.Command) {
	limitFlag(cmd)
	cmd.Flags().Uint64("after", 0, "Only entries with a number above this one")
}

func casesFlags(cmd *cobra.Command) {
	limitFlag(cmd)
	cmd.Flags().Bool("all", false, "Decided cases too")
}

func inviteFlags(cmd *cobra.Command) {
	cmd.Flags().String("operator", "", "Who runs the member's server: accounts of one operator have one vote")
	cmd.Flags().String("role", "member", "member or reader")
	cmd.Flags().Bool("vouched", false, "You know who it is: it counts at once")
	cmd.Flags().String("for", "30d", "How long the invitation lasts")
}

// parameters are the flags that the admin API gets.
var parameters = []string{"community", "by", "reason", "login", "hash", "after", "limit", "all", "operator", "role", "vouched", "for"}

// communityQuery returns the arguments, by their names, and the flags as parameters.
func (c *call) communityQuery(names ...string) url.Values {
	query := url.Values{"by": {whoAmI()}}
	for _, name := range parameters {
		if f := c.Flags().Lookup(name); f != nil && f.Changed {
			query.Set(name, f.Value.String())
		}
	}
	for i, name := range names {
		query.Set(name, c.args[i])
	}
	return query
}

// whoAmI returns the name of the user, also behind sudo.
func whoAmI() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// An answer can print itself.
type answer[A any] interface {
	*A
	write(w io.Writer) error
}

// communityDo returns a command that asks one endpoint. Its arguments are parameters with
// these names.
func communityDo[A any, P answer[A]](method, path string, names ...string) func(*call) (int, error) {
	return func(c *call) (int, error) {
		a := P(new(A))
		if err := c.ask(method, "/tocsin/community/"+path, c.communityQuery(names...), a); err != nil {
			return 0, err
		}
		return 0, c.print(a.write)
	}
}

// communityCase is a case that prints itself.
type communityCase CommunityCase

func (a *communityCase) write(w io.Writer) error {
	return (&CommunityCases{Cases: []CommunityCase{CommunityCase(*a)}}).write(w)
}

func (c *call) communityInvite() (int, error) {
	query := c.communityQuery("name")
	var a CommunityInvitation
	if err := c.ask(http.MethodPost, "/tocsin/community/invitations", query, &a); err != nil {
		return 0, err
	}
	return 0, c.print(func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n\nIt works once, until %s. Send it to %s by a way that others cannot read.\n",
			a.Code, a.Until.Format("2 January 2006 15:04 MST"), printable(a.Name))
		return err
	})
}

func (c *call) communityFreeze() (int, error) {
	query := c.communityQuery()
	switch c.args[0] {
	case "on", "off":
		query.Set("on", fmt.Sprint(c.args[0] == "on"))
	default:
		return 0, fmt.Errorf("freeze %q: want on or off", c.args[0])
	}
	var a CommunityDone
	if err := c.ask(http.MethodPost, "/tocsin/community/freeze", query, &a); err != nil {
		return 0, err
	}
	says := "The list gets additions again."
	if c.args[0] == "on" {
		says = "The list gets no additions until tocsin community freeze off."
	}
	return 0, c.print(func(w io.Writer) error { return writeLine(w, says) })
}

func (c *call) communityExport() (int, error) {
	return 0, c.request(http.MethodGet, "/tocsin/community/export", c.communityQuery(), nil, c.OutOrStdout())
}
