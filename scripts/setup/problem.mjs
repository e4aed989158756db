/** What can be missing, each in one sentence with the command that brings it, in the words of the reader's system. */
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { root } from "./places.mjs";

/** A failure that is explained: `message` is for the reader, without a stack. */
export class SetupProblem extends Error {
  name = "SetupProblem";
}

/** debian, fedora, macos or other. */
export function system() {
  if (process.platform === "darwin") return "macos";
  const release = ["/etc/os-release", "/usr/lib/os-release"].find((path) => existsSync(path));
  const text = release === undefined ? "" : readFileSync(release, "utf8");
  const ids = [...text.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap((match) => match[1].split(" "));
  if (ids.some((id) => ["debian", "ubuntu"].includes(id))) return "debian";
  if (ids.some((id) => ["fedora", "rhel", "centos"].includes(id))) return "fedora";
  return "other";
}

/** The command for this system, of one for each. */
export function hint(commands, name = system()) {
  return commands[name] ?? commands.other;
}

const sudo = process.getuid?.() === 0 ? "" : "sudo ";

export const problems = {
  windows: () =>
    new SetupProblem(
      "phi3lab runs on Linux and macOS, and on Windows inside WSL (wsl --install brings it): run the same command there.",
    ),
  compiler: (detail, name) =>
    new SetupProblem(
      `A C++ compiler is needed to build the addon${detail ? ` (${detail})` : ", and none was found"}.\n` +
        `  ${hint(
          {
            debian: `Install one with: ${sudo}apt-get install -y g++`,
            fedora: `Install one with: ${sudo}dnf install -y gcc-c++`,
            macos: "Install one with: xcode-select --install",
            other:
              "Install g++ 10 or later, or clang++ 12 or later, with your system's package manager, or name one in CXX.",
          },
          name,
        )}`,
    ),
  python: (detail, name) =>
    new SetupProblem(
      `Python 3.10 or later is needed for JupyterLab${detail ? `: ${detail}` : ", and none was found"}.\n` +
        `  ${hint(
          {
            debian: `Install it with: ${sudo}apt-get install -y python3 python3-venv`,
            fedora: `Install it with: ${sudo}dnf install -y python3`,
            macos: "Install it with: brew install python",
            other: "Install it with your system's package manager, or from https://www.python.org/downloads/",
          },
          name,
        )}\n  Where it lies elsewhere, name it: PHI3LAB_PYTHON=/path/to/python`,
    ),
  venv: (python, version, name) =>
    new SetupProblem(
      `Python's venv module is needed, and ${python} (Python ${version}) comes without it.\n` +
        `  ${hint(
          {
            debian: `Install it with: ${sudo}apt-get install -y python3-venv   (or python${version.split(".").slice(0, 2).join(".")}-venv)`,
            fedora: `Install it with: ${sudo}dnf install -y python3-libs python3-pip`,
            macos: "Python from brew has it: brew install python",
            other:
              "Install Python's venv and ensurepip with your system's package manager, or name another Python in PHI3LAB_PYTHON.",
          },
          name,
        )}`,
    ),
  npm: () =>
    new SetupProblem(
      "npm was not found beside Node nor on PATH.\n" +
        `  ${hint({
          debian: `Install it with: ${sudo}apt-get install -y npm, or take Node from https://nodejs.org, which brings it`,
          fedora: `Install it with: ${sudo}dnf install -y npm`,
          other: "Take Node from https://nodejs.org, which brings it.",
        })}`,
    ),
  network: (what) =>
    new SetupProblem(
      `${what} could not be reached over the network.\n` +
        "  Check the connection; behind a proxy set HTTPS_PROXY; for a mirror set npm_config_registry and PIP_INDEX_URL.\n" +
        "  Then run the same command again: what is finished stays finished.",
    ),
  disk: (bytes) =>
    new SetupProblem(
      `The disk is full: ${freeText(root)} free at ${root}, ${freeText(tmpdir())} at ${tmpdir()}${bytes ? `, and ${gigabytes(bytes)} are needed` : ""}.\n` +
        "  Make room, then run the same command again: what is finished stays finished.\n" +
        `  What is free: df -h "${root}"   Caches that may go: npm cache clean --force; pip cache purge`,
    ),
};

const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;

/** Bytes that this user may still write, in the checkout or elsewhere. */
export function freeBytes(place = root) {
  const { bavail, bsize } = statfsSync(place);
  return bavail * bsize;
}

function freeText(place) {
  try {
    return gigabytes(freeBytes(place));
  } catch {
    return "an unknown amount";
  }
}

const full = /ENOSPC|No space left on device|EDQUOT|Disk quota exceeded/i;
const unreachable =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|NewConnectionError|Failed to establish a new connection|Temporary failure in name resolution|ConnectTimeoutError|ReadTimeoutError|Network is unreachable|network request to .* failed/i;

/** The known problem that a program's output tells of, or undefined. `what` names the server it talks to. */
export function recognise(output, what) {
  if (full.test(output)) return problems.disk();
  if (what !== undefined && unreachable.test(output)) return problems.network(what);
  return undefined;
}
