/**
 * What went wrong between page and server, sorted by what the user can do about it.
 */

/** A problem with its cause in one word, a sentence, and what to do. */
export interface Problem {
  /** "offline", "no_workspace", "no_extension", "version", or the server's own word. */
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
}

/** The server does not answer. */
export function offline(detail: string): Problem {
  return { reason: 'offline', message: detail, remedy: '' };
}

/** A request that failed. */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
    this.name = 'ApiError';
  }
}

/** Answers of a proxy in front of a server that is starting, stopping or gone. */
const GATEWAY = new Set([502, 503, 504]);

function field(value: unknown, key: string): string {
  const found = (value as Record<string, unknown>)[key];
  return typeof found === 'string' ? found : '';
}

/** The problem behind an HTTP answer that is not what was asked for. */
export function problemOf(status: number, body: string): Problem {
  let answer: unknown = null;
  try {
    answer = JSON.parse(body);
  } catch {
    // A proxy's HTML page, or nothing.
  }
  if (GATEWAY.has(status)) {
    return offline(`HTTP ${status}`);
  }
  if (typeof answer === 'object' && answer !== null) {
    const reason = field(answer, 'reason');
    // Tornado writes its own JSON errors with `reason: null` or an HTTP phrase, never a remedy key.
    if (reason && 'remedy' in answer) {
      return { reason, message: field(answer, 'message'), remedy: field(answer, 'remedy') };
    }
  }
  if (status === 404) {
    return { reason: 'no_extension', message: '', remedy: '' };
  }
  const message =
    typeof answer === 'object' && answer !== null ? field(answer, 'message') : body.slice(0, 200);
  return { reason: `http_${status}`, message: message || `HTTP ${status}`, remedy: '' };
}

/** Any thrown value as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof ApiError) {
    return error.problem;
  }
  if (error instanceof Error && error.name === 'DecodeError') {
    return { reason: 'version', message: error.message, remedy: '' };
  }
  return {
    reason: 'error',
    message: error instanceof Error ? error.message : String(error),
    remedy: ''
  };
}
