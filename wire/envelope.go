package wire

// Kind says what an envelope carries.
type Kind uint8

// What an edge sends to the owner of an entity. Every envelope of a link carries Link, Number,
// Conn and the entity; the owner answers to Edge.
const (
	// KindAttach brings a link to an entity. Claims; Revision and Epoch of the cursor with HasCursor;
	// Command: which of its connection's attempts this is, 0 where the client does not count them; At when the link was made; Watch, Presence flags.
	// Reattach when the link had been welcomed before, by this owner or another: then Audience, the cursor up to which the edge has what
	// that audience sees, the connection's presence data as Data, and in Acked how many are here as the edge was told last.
	KindAttach Kind = iota + 1
	// KindDetach says that a link is gone, and with Leave that the connection is gone for good.
	KindDetach
	// KindCommand: Command, Name, Data; Expect with HasExpect; Trace, and with it Spent.
	KindCommand
	// KindQuery: Command, Name, Data. Without Number it is outside of the link's stream: it names Claims, and may be sent to a mirror,
	// which answers if the entity may be as it was before (Stale: Until is for how long at most, in ms, 0 for any time; without: not before
	// event Revision), and gives it to the owner if not.
	KindQuery
	// KindSignal: Name, Data.
	KindSignal
	// KindPresence: Data.
	KindPresence
	// KindPing: Data is the client's t, Command a number that comes back.
	KindPing
	// KindClaims brings a fresh token's Claims, of the same subject.
	KindClaims
	// KindBacklog asks for the events after Revision up to Until that Audience sees, for one link.
	// Command is a number that comes back with every part of the answer.
	KindBacklog
	// KindRefresh asks for a fresh welcome (conflation), for one link.
	KindRefresh
	// KindCall is a command of somebody without a connection, once: Claims, Name, Data, Expect with HasExpect, and Key
	// where the same key is to have the same answer. It is not of a link; Command is a number of the edge's that comes
	// back with KindResult.
	KindCall
	// KindView asks for the present view for Claims. Data is the cursors, separated by spaces, of which the client has the
	// view already, or "*". It is not of a link; Command is a number of the edge's that comes back with KindSight. It may be sent to a
	// mirror as a query may.
	KindView
)

// What the owner of an entity sends to an edge, with Sent where it waited for the journal. With Link it is for that link; without, it is for
// all links of that entity at the edge, or those of Audience with ToGroup.
const (
	// KindWelcome: Member, Audience, Epoch, Revision, Acked, Known; Number tells the owner from those before it; Data is the state, absent with
	// Resumed. Until is the entity's durable revision; all events up to it that the audience sees
	// have been sent to this edge before if the edge had a link of that audience.
	// Refresh marks the answer to KindRefresh, Reattach that to a KindAttach with Reattach: with Resumed, too, the edge has been sent
	// all events since the cursor that the audience sees.
	KindWelcome Kind = iota + 64
	// KindEvent: Audience, Revision, Prev, Name, Data, At, Member and Command of the cause.
	// Hidden: the audience does not see the event, and nothing but Revision is set.
	KindEvent
	// KindAck: Command, Revision, Data is the reply; with Hops where its time went so far. The link gets it after event Revision.
	KindAck
	// KindReject: Command, Code, Message.
	KindReject
	// KindAnswer: Command, Revision, Data. With Mirrored it is by a mirror, and Spent says for how long the entity may have been
	// another since.
	KindAnswer
	// KindMessage: Name, Data, Member it is by; Except is a member that does not get it.
	KindMessage
	// KindPresenceChange: Data is the JSON of the frame's joined, left, updated and count. With Refresh joined lists everybody that
	// clients are to know of, in place of what they know.
	KindPresenceChange
	// KindPong: Data is the client's t, Command the number of the ping, Spent the state node's time.
	KindPong
	// KindTerminate: Code, Message, Reconnect. The link gets it last; with Reattach the edge may attach it anew instead, at this
	// owner or the next one.
	KindTerminate
	// KindBacklogPart answers KindBacklog: Data is packed events (see AppendBacklogEvent), Revision the
	// one up to which they reach; More when further parts follow; TooFar when the client is better
	// served by a fresh welcome.
	KindBacklogPart
	// KindStatus: Code is "recovering" or "serving".
	KindStatus
	// KindResult answers KindCall: Command; Revision and Data, the reply, or with Refused: Code and Message. Refused with Reattach
	// says that the owner has ended: the next one may be asked, where a repetition does no harm.
	KindResult
	// KindSight answers KindView: Command; Epoch, Revision and Data, the state, which is absent with Resumed: the client
	// has it; or with Refused: Code and Message; Reattach as with KindResult.
	KindSight
	// KindExpires tells a link that its connection has brought a fresh token over another one: Claims.
	KindExpires
	// KindShows tells a link that its connection has brought presence data over another one: Data, as of KindPresence.
	KindShows
)

// What one entity sends to another, or an owner to an owner.
const (
	// KindTell: From entity, Number of the message in the stream between the two, Name, Data.
	KindTell Kind = iota + 128
	// KindTold confirms that the receiver has logged all messages up to Number.
	KindTold
	// KindHead asks the owner of a partition how far its log goes: Edge is the node whose mirror asks, Number comes back.
	KindHead
	// KindHeadIs answers KindHead: Number, and Until, the offset up to which the log was stored after it was asked.
	KindHeadIs
)

// What an edge and a shard of the directory of subjects say to each other. Epoch is the sender's incarnation, Data a batch of
// subjects (see AppendSubject).
const (
	// KindReport is what has changed at an edge, Number of the report in the stream between the two. Without Data it says that the
	// edge is there. With Refresh it begins to tell everything, which the first report without More ends.
	KindReport Kind = iota + 192
	// KindReported answers a report without Data, and tells of the subjects that the edge watches. Acked is the number of the
	// report that began to tell everything, Until of the last one taken; Number is that of the last batch of watched subjects. With
	// Refresh the edge is to tell everything, since something was lost before Until.
	KindReported
	// KindWho asks which of the subjects are online; Command is a number of the edge's that comes back with KindOnline.
	KindWho
	// KindOnline answers KindWho: Command; Data has those that are. With Refused the shard does not know yet.
	KindOnline
)

// What nodes tell each other of who owns what.
const (
	// KindOwners is all that a node owns: From is the node, Data the partitions (see AppendOwned). Epoch tells the node's
	// processes apart, Number counts what one of them says.
	KindOwners Kind = iota + 224
	// KindWhoOwns asks all nodes for their KindOwners; From is the node that asks.
	KindWhoOwns
	// KindMissed tells one node, Edge, that of what it has sent to the owners of partitions at another one, From, something has not
	// come, or that something did not leave there for its edge: Data is the partitions (see AppendOwned).
	KindMissed
	// KindHere tells all nodes that the edge, Edge, is there. Link is where the numbers of its process's links begin (see LinkOfEdge).
	KindHere
)

// LinksOfAnEdge is how many numbers of links a process of an edge has, from its first one on.
const LinksOfAnEdge = 1 << 40

// postBit is set in the numbers of links that are posts.
const postBit = 1 << 63

// LinkOfEdge reports whether a link may be of the process of an edge whose numbers begin with first. Posts have numbers of the same range,
// with their highest bit set.
func LinkOfEdge(link, first uint64) bool { return link&^postBit-first < LinksOfAnEdge }

// Flags of an envelope.
type Flags uint32

// The flags; which envelopes they belong to stands with the kinds.
const (
	HasCursor Flags = 1 << iota
	HasExpect
	Watch // the link wants state and events; absent for watch=0
	Presence
	Reattach
	Leave
	Trace
	Resumed
	Known
	Hidden
	ToGroup
	Reconnect
	More
	TooFar
	Refresh
	Refused // on KindTerminate: the entity or the platform refused the connection
	Foreign // on KindTerminate: the conn belongs to another subject
	// HasPrev, on KindEvent: Prev counts although it is 0: every event before this one is hidden
	// from the audience.
	HasPrev
	// Observer, on KindAttach: the link watches without being anybody's connection: no member of the entity is made of it.
	Observer
	// Sender, on KindAttach: the link brings frames of a connection that may have another link at the same time, which it
	// does not replace; what answers its frames goes to that one as well.
	Sender
	// Denied, on KindResult and KindSight with Refused: the category does not admit who asks.
	Denied
	// Stale, on KindQuery and KindView: the answer may be as of any moment.
	Stale
	// Mirrored, on KindAnswer and KindSight: a mirror answers.
	Mirrored
)

// Envelope is what travels on the bus: a message or effect with its address. Which fields a kind
// uses stands with the kind; the others are zero. An envelope and the bytes in it are never
// changed once sent.
type Envelope struct {
	Kind     Kind
	Flags    Flags
	Category string
	ID       string
	Edge     string // name of the edge that the link is at
	Link     uint64 // number of the link at its edge; 0: no link in particular
	Number   uint64 // position in the stream of the link, or between two entities, from 1
	Conn     string // what the client named itself; a secret between client and platform
	Key      string // what the sender of a call named it, so that it is carried out once
	Member   string
	Except   string
	Audience string
	Epoch    string
	Command  uint64
	Expect   uint64
	Revision uint64
	Prev     uint64 // 0 without HasPrev: it is Revision-1
	Until    uint64
	Acked    uint64
	At       int64 // Unix ms
	Sent     int64 // Unix µs, the sender's clock
	Spent    int64 // µs
	Name     string
	Code     string
	Message  string
	From     string // category/id of the entity that tells, or the node
	Claims   []byte // JSON
	Data     []byte
	Hops     *Hops // on KindAck of a command with Trace: where its time went so far
}

// Has reports whether all flags of f are set.
func (e *Envelope) Has(f Flags) bool { return e.Flags&f == f }
