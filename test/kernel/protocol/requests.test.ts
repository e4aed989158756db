/** What the kernel keeps of requests: in their order, until they are answered, and for output that comes late. */
import assert from "node:assert/strict";
import type { Message } from "../../../kernel/protocol/message";
import { Requests } from "../../../kernel/protocol/requests";

const message = (msg_id: string): Message => ({
  identities: [Buffer.from("client")],
  header: { msg_id, msg_type: "execute_request", session: "s", username: "u", date: "", version: "5.4" },
  metadata: { a: 1 },
  content: { code: msg_id },
});
const add = (requests: Requests, id: string) => requests.add("shell", message(id), `header of ${id}`);

describe("Requests", () => {
  it("are numbered from 1 in the order in which they come, on whichever channel", () => {
    const requests = new Requests();
    assert.deepEqual(add(requests, "a"), {
      type: "request",
      serial: 1,
      msg_type: "execute_request",
      msg_id: "a",
      content: { code: "a" },
      metadata: { a: 1 },
    });
    assert.equal(requests.add("control", message("b"), "header of b").serial, 2);
    assert.deepEqual([requests.get(1)?.channel, requests.get(2)?.channel], ["shell", "control"]);
    assert.deepEqual(requests.get(2)?.message, message("b"));
    assert.equal(requests.get(3), undefined);
  });

  it("that wait for their answer are repeated from a serial on, in order", () => {
    const requests = new Requests();
    for (const id of ["a", "b", "c", "d"]) add(requests, id);
    const waiting = (serial: number) => requests.after(serial).map(({ msg_id }) => msg_id);
    assert.deepEqual(waiting(0), ["a", "b", "c", "d"]);
    assert.deepEqual(waiting(2), ["c", "d"]);
    assert.deepEqual(waiting(4), []);
    (requests.get(3) as { request?: object }).request = undefined;
    assert.deepEqual(waiting(1), ["b", "d"]);
  });

  it("have their output under them while they are remembered, and then under the last", () => {
    const requests = new Requests();
    assert.equal(requests.headerOf(1), "{}");
    for (let i = 1; i <= 4096; i++) {
      add(requests, String(i));
      (requests.get(i) as { request?: object }).request = undefined;
    }
    assert.equal(requests.headerOf(1), "header of 1");
    add(requests, "one more");
    assert.equal(requests.headerOf(1), "header of one more");
    assert.equal(requests.headerOf(2), "header of 2");
    assert.equal(requests.headerOf(0), "header of one more");
  });

  it("are never forgotten while they wait for their answer", () => {
    const requests = new Requests();
    for (let i = 1; i <= 4096; i++) add(requests, String(i));
    add(requests, "one more");
    assert.equal(requests.after(0).length, 4097);
    (requests.get(3) as { request?: object }).request = undefined;
    add(requests, "another");
    assert.equal(requests.get(3), undefined);
    assert.ok(requests.get(1) && requests.get(2) && requests.get(4));
  });
});
