package diskjournal

// OpenFS opens a journal on another file system than the machine's.
var OpenFS = open

// WitnessName is the name of the file that says what is durable.
const WitnessName = witnessName
