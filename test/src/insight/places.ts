/** Where insight's tests run: the CPU, and the GPU where there is one. */
import { needGpu } from "../../native/places";

export interface Place {
  device: "cpu" | "cuda";
  dtype: "float32";
  /** Of the greatest number. */
  tolerance: number;
}

/** Describes the same on each device. */
export function eachPlace(title: string, body: (place: Place) => void): void {
  describe(title, function () {
    this.timeout(180_000);
    describe("on the CPU", () => body({ device: "cpu", dtype: "float32", tolerance: 1e-5 }));
    describe("on the GPU", () => {
      before(function () {
        needGpu(this);
      });
      body({ device: "cuda", dtype: "float32", tolerance: 1e-5 });
    });
  });
}
