// Package community implements the centre of a community: the servers of the members report
// attacks, and the centre decides with [consensus] which addresses all members block.
//
// A [Centre] has no HTTP. It accepts signals, keeps the list, answers questions about
// addresses, and carries out appeals and the decisions of moderators. Its subpackages are:
//
//	community/database  stores in SQLite and PostgreSQL
//	community/api       the protocols for members and other readers
//	community/people    the pages for people
//	community/protocol  the messages of tocsin's own protocol, for both sides
//	community/member    a tocsin server as a member: it enforces the list and sends reports
//
// # Guarantees
//
// The centre acknowledges a signal only after one transaction has stored the signal, the
// verdict about its unit and the change of the list. So no acknowledged signal is lost, and a
// replay of the signals gives the same list.
//
// Several centres can use one database. They write in turn, and each sees the changes of the
// others within a second.
//
// # Privacy
//
// A [Signal] has all data that a centre keeps of a report: no path, host, user agent, query or
// body. The store knows members only by a keyed hash. Data about the people behind them is in
// [Accounts], a separate database. All data is deleted after a time: see [Retention].
package community
