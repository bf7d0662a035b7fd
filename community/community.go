// Package community is the centre of a community: the servers of its members send what they
// saw, and the centre decides by [consensus] which addresses all of them block.
//
// A centre is the whole of it without HTTP: it takes signals, keeps the list, answers
// questions about an address, and carries out appeals and the decisions of moderators.
// Packages below it are its doors:
//
//	community/database  stores in SQLite and PostgreSQL
//	community/api       the protocols that members and other readers speak
//	community/people    the pages for people
//	community/protocol  the protocol of tocsin's members, for both sides
//	community/member    a tocsin as a member: a source of decisions and a receiver of alerts
//
// # What it promises
//
// A signal is acknowledged only after it, the verdict about its unit and the change of the
// list are stored together, in one transaction. So nothing that was acknowledged is lost, and
// a replay of the signals gives the same list.
//
// Several centres can use one database. One of them writes at a time; each sees the changes of
// the others within a second.
//
// # Privacy
//
// A [Signal] has all that a centre ever keeps of a report: no path, host, user agent, query or
// body. Members are known to the store by a keyed hash only; what is known about the people
// behind them is in [Accounts], which is another database. All data end.
package community
