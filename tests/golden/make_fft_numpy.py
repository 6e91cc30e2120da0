"""NumPy's Fourier transforms of short prime, composite and power-of-two lengths. Usage: python3 make_fft_numpy.py > fft_numpy.json"""
import json

import numpy as np

F = np.fft


def plain(x):
    return {"shape": list(x.shape), "values": [float(v) for v in np.asarray(x, np.float64).ravel()]}


def both(z):
    return [plain(z.real), plain(z.imag)]


def signal(n):
    return np.stack([((np.arange(n) * 7 + k) % 11 - 5.0) / 4 + ((np.arange(n) * 5) % 7 - 3.0) / 4 * 1j for k in range(2)])


z = signal(12)
answers = {
    "re": plain(z.real), "im": plain(z.imag),
    "ortho": both(F.fft(z, norm="ortho")), "forward": both(F.ifft(z, norm="forward")), "longer": both(F.fft(z, 16)),
    "shorter": both(F.ifft(z, 5)), "axis": both(F.fft(z, axis=0)), "two": both(F.fft2(z)), "twoBack": both(F.ifft2(z)),
    "rfft": both(F.rfft(z.real)), "rfft2": both(F.rfft2(z.real)), "irfft": plain(F.irfft(z)), "irfftOdd": plain(F.irfft(z, 15)),
    "irfft2": plain(F.irfft2(z)),
    "frequencies": plain(F.fftfreq(7, 0.5)), "shifted": plain(F.fftshift(z.real)),
    "lengths": [{"n": n, "fft": both(F.fft(signal(n)))} for n in (1, 2, 7, 32, 60, 67, 134, 256)],
}
print(json.dumps(answers))
