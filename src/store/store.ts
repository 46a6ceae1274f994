/** What a store of files does for the handlers, whether it is a spool directory, an upstream's or JetStream. */

/** Where a file comes from. */
export interface Origin {
  readonly address: string;
  /** Of the client's certificate, when it showed one. */
  readonly subject: string | undefined;
}

/** A file on its way in. Ends with exactly one of commit and discard. */
export interface Incoming {
  /**
   * Appends bytes.
   * @throws Refusal when they cannot be stored
   */
  write(chunk: Buffer): Promise<void>;
  /**
   * N3: makes the file appear, whole and under its name; when this resolves it stays, whatever happens next.
   * @throws Refusal when it cannot be stored, or somebody else stored one of that name meanwhile
   */
  commit(): Promise<void>;
  /** Leaves no trace. Never throws; harmless after commit. */
  discard(): Promise<void>;
}

/** A file on its way out. To be closed. */
export interface Outgoing {
  /** Bytes. */
  readonly size: number;
  /**
   * The file's bytes; may be called again for another pass.
   * @throws FileChanged, before the last byte is given out, when the file is not what it was when opened
   */
  content(): AsyncGenerator<Buffer, void, undefined>;
  /**
   * Deletes the file from the store, unless another took its name meanwhile: then false. A file that comes from
   * elsewhere can be deleted only before close().
   */
  remove(): Promise<boolean>;
  close(): Promise<void>;
}

export interface Store {
  /**
   * Prepares to receive a file.
   * @param name a valid name (N1), as latin-1
   * @param size bytes expected, at least
   * @param from who sends it; a directory does not keep that
   * @throws Refusal when the name exists, there is no room, or it cannot be stored
   */
  receive(name: string, size: number, from?: Origin): Promise<Incoming>;
  /**
   * Opens a regular file.
   * @param purpose `move` when it is to be removed once the peer has it (W16); `read` otherwise
   * @throws Refusal when there is none of that name
   */
  open(name: string, purpose?: 'read' | 'move'): Promise<Outgoing>;
  /**
   * The names of the regular files in the directory that the filters choose for a name, sorted by their bytes.
   * @throws Refusal when the directory cannot be read
   */
  list(name: string): Promise<string[]>;
}
