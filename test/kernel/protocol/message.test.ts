/** Messages are packed, signed and opened as jupyter_client 8.10 does it, which made the frames and signatures here. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { Codec, type Outgoing } from "../../../kernel/protocol/message";

const key = "a secret";
const frames = (...parts: (string | Buffer)[]) => parts.map((part) => Buffer.from(part));
/** jupyter_client's Session(key=b"a secret").serialize(…, ident=[b"client"]). */
const fromJupyter = frames(
  "client",
  "<IDS|MSG>",
  "0298b69bf1893ce618198cfb94a5143dac968471e1a751d6b249630fdf4876a0",
  '{"msg_id": "m1", "msg_type": "execute_request", "username": "ada", "session": "s1", "date": "2026-01-01T00:00:00Z", "version": "5.4"}',
  "{}",
  '{"cellId": "c"}',
  '{"code": "1 + 1 // é"}',
);
/** Signed frames of these JSON texts. */
const signed = (...parts: string[]) => {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return frames("<IDS|MSG>", hmac.digest("hex"), ...parts);
};
const header = (more: object = {}) => JSON.stringify({ msg_id: "m", msg_type: "t", ...more });
const texts = (packed: (Buffer | string)[]) => packed.map(String);

describe("A message", () => {
  it("of jupyter_client is opened, with its client's identities and all that it says", () => {
    assert.deepEqual(new Codec(key).open(fromJupyter), {
      identities: [Buffer.from("client")],
      header: {
        msg_id: "m1",
        msg_type: "execute_request",
        username: "ada",
        session: "s1",
        date: "2026-01-01T00:00:00Z",
        version: "5.4",
      },
      metadata: { cellId: "c" },
      content: { code: "1 + 1 // é" },
    });
    const [, ...anonymous] = fromJupyter as [Buffer, ...Buffer[]];
    assert.deepEqual(new Codec(key).open(anonymous)?.identities, []);
    const buffers = [...frames("one", "two"), ...anonymous, ...frames("a buffer")];
    assert.deepEqual(new Codec(key).open(buffers)?.identities, frames("one", "two"));
  });

  it("is opened once, and never when a byte of it or of its signature is another", () => {
    const codec = new Codec(key);
    for (const at of [2, 3, 4, 5, 6]) {
      const changed: Buffer[] = [...fromJupyter];
      const bytes = Buffer.from(changed[at] as Buffer);
      bytes[0] = (bytes[0] as number) ^ 1;
      changed[at] = bytes;
      assert.equal(codec.open(changed), undefined, String(at));
    }
    const cut: Buffer[] = [...fromJupyter];
    cut[2] = (cut[2] as Buffer).subarray(0, 63);
    assert.equal(codec.open(cut), undefined);
    assert.ok(codec.open(fromJupyter));
    assert.equal(codec.open(fromJupyter), undefined, "a replay");
    assert.equal(new Codec("another secret").open(fromJupyter), undefined);
  });

  it("is known again after 65,535 others, and not after more", () => {
    const codec = new Codec(key);
    const number = (i: number) => signed(header({ i }), "{}", "{}", "{}");
    for (let i = 0; i < 65_536; i++) codec.open(number(i));
    assert.equal(codec.open(number(0)), undefined);
    assert.ok(codec.open(number(65_536)));
    assert.equal(codec.open(number(1)), undefined);
    assert.ok(codec.open(number(0)));
  }).timeout(60_000);

  it("without a delimiter, without all of its parts, or whose parts are no JSON is none", () => {
    const codec = new Codec(key);
    assert.equal(codec.open([]), undefined);
    assert.equal(codec.open(frames("x")), undefined);
    assert.equal(codec.open(fromJupyter.filter((_, i) => i !== 1)), undefined);
    assert.equal(codec.open(fromJupyter.slice(0, -1)), undefined);
    for (const wrong of [
      "{",
      "[]",
      "null",
      "5",
      "{}",
      '{"msg_id":"m"}',
      '{"msg_type":"t"}',
      header({ msg_id: 5 }),
      header({ msg_type: 5 }),
    ])
      assert.equal(codec.open(signed(wrong, "{}", "{}", "{}")), undefined, wrong);
    for (const wrong of ["{", "[]", "null", "5", '"a"'])
      assert.equal(codec.open(signed(header(), "{}", "{}", wrong)), undefined, wrong);
    assert.equal(codec.open(signed(header(), "{", "{}", "{}")), undefined);
    assert.equal(codec.open(signed(header(), "{}", "{", "{}")), undefined);
    for (const other of ["[]", "null", "5"])
      assert.deepEqual(codec.open(signed(header(), "{}", other, "{}"))?.metadata, {}, other);
  });

  it("is signed as jupyter_client signs it, by the connection's key and hash", () => {
    const empty = { identities: [], msg_type: "t", parent: "{}", content: "{}" };
    /** The signature that a codec gives to what it packs is that which these parts have. */
    const agrees = (codec: Codec, hash: string) => {
      const [, signature, ...parts] = texts(codec.pack(empty));
      assert.equal(signature, createHmac(hash, key).update(parts.join("")).digest("hex"));
    };
    agrees(new Codec(key), "sha256");
    agrees(new Codec(key, "hmac-sha512"), "sha512");
    assert.throws(
      () => new Codec(key, "sha256"),
      /Expected a signature_scheme such as "hmac-sha256" but the connection file says "sha256"/,
    );
    assert.throws(() => new Codec(key, "hmac-none"), /Invalid digest|not supported/);
  });

  it("is neither signed nor checked where the connection has no key", () => {
    const codec = new Codec("");
    const packed = texts(codec.pack({ identities: [], msg_type: "t", parent: "{}", content: "{}" }));
    assert.equal(packed[1], "");
    const unsigned = frames("<IDS|MSG>", "anything", header(), "{}", "{}", "{}");
    assert.ok(codec.open(unsigned));
    assert.ok(codec.open(unsigned), "again");
    assert.equal(codec.open(unsigned.slice(1)), undefined, "without a delimiter");
  });

  it("that is packed has a header of its own, its parent's, and goes to whom it is meant for", () => {
    const codec = new Codec(key);
    const outgoing: Outgoing = {
      identities: [Buffer.from("client")],
      msg_type: "execute_reply",
      parent: '{"msg_id":"m1"}',
      metadata: '{"a":1}',
      content: '{"status":"ok"}',
    };
    const [to, delimiter, , head, ...rest] = texts(codec.pack(outgoing));
    assert.deepEqual([to, delimiter], ["client", "<IDS|MSG>"]);
    assert.deepEqual(rest, ['{"msg_id":"m1"}', '{"a":1}', '{"status":"ok"}']);
    const { msg_id, date, ...fixed } = JSON.parse(head as string);
    assert.deepEqual(fixed, { msg_type: "execute_reply", session: codec.session, username: "kernel", version: "5.4" });
    assert.ok(Math.abs(Date.now() - Date.parse(date)) < 5000);
    assert.match(date, /^\d{4}-\d\d-\d\dT.+Z$/);
    const other = JSON.parse(texts(codec.pack({ ...outgoing, metadata: undefined }))[3] as string);
    assert.notEqual(other.msg_id, msg_id);
    assert.equal(texts(codec.pack({ ...outgoing, metadata: undefined }))[5], "{}");
    assert.ok(new Codec(key).open(frames(...codec.pack(outgoing))));
  });
});
